"""What a message asks of the queue: a Dramatiq message and its options, read as a JobRequest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import dramatiq
from dramatiq.message import Message

from common.broker.message import encoded
from common.errors import InvalidField
from common.job.digest import request_digest
from common.job.ids import new_job_id
from common.job.model import DEFAULT_TENANT, DuplicatePolicy, JobRequest, RetryPolicy
from common.job.priority import Priority
from common.store.packing import check_size

#: Attempts of an actor that sets max_retries to None, which is Dramatiq's word for no limit.
UNLIMITED: Final = 2**31 - 1
#: The time limit of an actor that sets none (ms): a year.
UNLIMITED_MS: Final = 31_536_000_000


def request_of(
    message: Message[Any],
    actor: dramatiq.Actor[Any, Any] | None,
    default: RetryPolicy,
    delay_ms: int,
) -> JobRequest:
    """Return the job that a message asks for. Its own options go before its actor's.

    Args:
        delay_ms: Earliest start, from acceptance. Dramatiq's option `eta` (Unix ms) counts when this is 0.

    Raises:
        InvalidField: An option is not what it must be, or the message is too large ("args").
    """
    options: Mapping[str, Any] = {**(actor.options if actor else {}), **message.options}
    delay_ms = max(0, delay_ms)
    eta_ms = _whole(options, "eta")
    request_id = str(options.get("request_id") or "")
    unique_key = str(options.get("unique_key") or "")
    duplicates = _policy_of(options.get("duplicate_policy"))
    if options.get("duplicate_policy") and duplicates is not DuplicatePolicy.RUN and not unique_key:
        raise InvalidField("unique_key", f"must be set: {duplicates.value} is about jobs with the same key")
    payload = encoded(message)
    check_size(payload, "args")
    return JobRequest(
        job_id=new_job_id(message.queue_name),
        queue=message.queue_name,
        actor=message.actor_name,
        payload=payload,
        tenant=str(options.get("tenant") or DEFAULT_TENANT),
        priority=_priority_of(options.get("priority"), actor.priority if actor else 0),
        delay_ms=delay_ms,
        run_at_ms=None if delay_ms else eta_ms,
        deadline_ms=_whole(options, "deadline_ms"),
        ttl_ms=_whole(options, "ttl_ms"),
        retry=_retry_of(options, default),
        timeout_ms=_whole(options, "timeout_ms") or _time_limit_ms(options),
        labels={str(key): str(value) for key, value in (options.get("labels") or {}).items()},
        request_id=request_id,
        request_digest=_digest(message) if request_id else "",
        unique_key=unique_key,
        duplicate_policy=duplicates,
    )


def _retry_of(options: Mapping[str, Any], default: RetryPolicy) -> RetryPolicy:
    retries = _whole(options, "max_retries")
    most = default.max_attempts if retries is None else retries + 1
    if retries is None and "max_retries" in options:
        most = UNLIMITED
    least_ms = _whole(options, "min_backoff")
    most_ms = _whole(options, "max_backoff")
    return RetryPolicy(
        most,
        default.min_backoff_ms if least_ms is None else least_ms,
        default.max_backoff_ms if most_ms is None else most_ms,
    )


def _priority_of(value: Any, of_actor: Any) -> Priority:
    """Return the priority that a message names, else its actor's.

    An actor's may be Dramatiq's number, in which less is sooner: below 0 is HIGH, 0 NORMAL, above 0 LOW.
    """
    if value is None:
        value = of_actor
    if isinstance(value, int):
        return Priority.NORMAL if value == 0 else Priority.HIGH if value < 0 else Priority.LOW
    try:
        return Priority(str(value).upper())
    except ValueError:
        names = ", ".join(priority.value for priority in Priority)
        raise InvalidField("priority", f"is not one of {names}") from None


def _policy_of(value: Any) -> DuplicatePolicy:
    if value is None:
        return DuplicatePolicy.USE_EXISTING
    try:
        return DuplicatePolicy(str(value).upper())
    except ValueError:
        names = ", ".join(policy.value for policy in DuplicatePolicy)
        raise InvalidField("duplicate_policy", f"is not one of {names}") from None


def _whole(options: Mapping[str, Any], name: str) -> int | None:
    value = options.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise InvalidField(name, "must be a whole number of milliseconds, or a count, from 0")
    return int(value)


def _time_limit_ms(options: Mapping[str, Any]) -> int | None:
    """Return Dramatiq's limit; infinity, which is its word for none, is here a year."""
    if options.get("time_limit") == float("inf"):
        return UNLIMITED_MS
    return _whole(options, "time_limit")


def _digest(message: Message[Any]) -> str:
    """Digest what was asked: the actor and its arguments, not when or by which message."""
    asked = {"actor": message.actor_name, "args": message.args, "kwargs": message.kwargs}
    return request_digest(dramatiq.get_encoder().encode(asked))
