"""What a message asks of the queue: a Dramatiq message and its options, read as a JobRequest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import dramatiq
from dramatiq.message import Message

from common.errors import InvalidField
from common.job.ids import new_job_id
from common.job.model import DEFAULT_TENANT, JobRequest, RetryPolicy
from common.job.priority import Priority


def request_of(
    message: Message[Any], actor: dramatiq.Actor[Any, Any] | None, default: RetryPolicy, delay_ms: int
) -> JobRequest:
    """Return the job that a message asks for. Its own options go before its actor's.

    Raises:
        InvalidField: An option is not what it must be.
    """
    options: Mapping[str, Any] = {**(actor.options if actor else {}), **message.options}
    request_id = str(options.get("request_id") or "")
    return JobRequest(
        job_id=new_job_id(message.queue_name),
        queue=message.queue_name,
        actor=message.actor_name,
        payload=message.encode(),
        tenant=str(options.get("tenant") or DEFAULT_TENANT),
        priority=_priority_of(options.get("priority")),
        delay_ms=max(0, delay_ms),
        deadline_ms=_whole(options, "deadline_ms"),
        ttl_ms=_whole(options, "ttl_ms"),
        retry=_retry_of(options, default),
        timeout_ms=_whole(options, "timeout_ms") or _whole(options, "time_limit"),
        labels={str(key): str(value) for key, value in (options.get("labels") or {}).items()},
        request_id=request_id,
        request_digest=_digest(message) if request_id else "",
    )


def _retry_of(options: Mapping[str, Any], default: RetryPolicy) -> RetryPolicy:
    retries = _whole(options, "max_retries")
    most = default.max_attempts if retries is None else retries + 1
    return RetryPolicy(
        most,
        _whole(options, "min_backoff") or default.min_backoff_ms,
        _whole(options, "max_backoff") or default.max_backoff_ms,
    )


def _priority_of(value: Any) -> Priority:
    if value is None:
        return Priority.NORMAL
    try:
        return Priority(str(value).upper())
    except ValueError:
        names = ", ".join(priority.value for priority in Priority)
        raise InvalidField("priority", f"is not one of {names}") from None


def _whole(options: Mapping[str, Any], name: str) -> int | None:
    value = options.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise InvalidField(name, "must be a whole number of milliseconds, or a count, from 0")
    return int(value)


def _digest(message: Message[Any]) -> str:
    """Digest what was asked: the actor and its arguments, not when or by which message."""
    asked = {"actor": message.actor_name, "args": message.args, "kwargs": message.kwargs}
    return hashlib.sha256(dramatiq.get_encoder().encode(asked)).hexdigest()[:32]
