"""The record of a job: how a Job is spelled in a hash, and read back.

Fields, all text: v (schema version), state, tenant, priority, created, updated, score (virtual
deadline), actor, type, attempt, spent, lost, max, backoff_min, backoff_max, timeout, deadline,
expire, schedule, run_at, ready, started, ended, finished (attempt last committed, and the state it
led to), worker, conversation, trace, progress (JSON), error (JSON), revision, and label:KEY for each label.
Times are Unix ms.
A field whose value is the default is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson

from common.job.ids import JobId
from common.job.model import ErrorClass, Job, JobError, JobRequest, Progress, RetryPolicy
from common.job.priority import Priority
from common.job.states import JobState
from common.job.types import GENERIC

#: Before a record field that holds a label.
LABEL: Final = "label:"
_DEFAULT_RETRY: Final = RetryPolicy()


def fields_of(request: JobRequest) -> list[str | int]:
    """Return the record fields and values that `submit` does not write by itself, flat."""
    fields: dict[str, str | int | None] = {
        "actor": request.actor,
        "type": request.job_type if request.job_type != GENERIC else None,
        "max": request.retry.max_attempts,
        "backoff_min": _unless(request.retry.min_backoff_ms, _DEFAULT_RETRY.min_backoff_ms),
        "backoff_max": _unless(request.retry.max_backoff_ms, _DEFAULT_RETRY.max_backoff_ms),
        "timeout": request.timeout_ms,
        "deadline": request.deadline_ms,
        "conversation": request.conversation_id or None,
        "trace": request.trace_id or None,
    }
    fields |= {LABEL + key: value for key, value in request.labels.items()}
    return [item for pair in fields.items() if pair[1] is not None for item in pair]  # type: ignore[misc]


def _unless(value: int, default: int) -> int | None:
    return None if value == default else value


def job_of(job_id: str, queue: str, record: Mapping[str, str]) -> Job:
    """Read a record."""
    return Job(
        job_id=JobId(job_id),
        queue=queue,
        state=JobState(record["state"]),
        actor=record["actor"],
        job_type=record.get("type", GENERIC),
        tenant=record["tenant"],
        priority=Priority(record["priority"]),
        created_ms=int(record["created"]),
        updated_ms=int(record["updated"]),
        attempt=int(record.get("attempt", 0)),
        spent=int(record.get("spent", 0)),
        lost=int(record.get("lost", 0)),
        retry=retry_of(record.get("max"), record.get("backoff_min"), record.get("backoff_max")),
        schedule_ms=_instant(record, "schedule"),
        run_at_ms=_instant(record, "run_at"),
        deadline_ms=_instant(record, "deadline"),
        expire_ms=_instant(record, "expire"),
        timeout_ms=_instant(record, "timeout"),
        started_ms=_instant(record, "started"),
        ended_ms=_instant(record, "ended"),
        worker=record.get("worker", ""),
        conversation_id=record.get("conversation", ""),
        labels={key.removeprefix(LABEL): value for key, value in record.items() if key.startswith(LABEL)},
        trace_id=record.get("trace", ""),
        progress=progress_of(record["progress"]) if "progress" in record else None,
        error=error_of(record["error"]) if "error" in record else None,
        revision=int(record.get("revision", 0)),
    )


def accepted(request: JobRequest, now_ms: int) -> Job:
    """Return the job that `submit` made of `request` at `now_ms`, without reading it back."""
    start_ms = request.run_at_ms if request.run_at_ms is not None else now_ms + request.delay_ms
    waits = start_ms > now_ms
    return Job(
        job_id=request.job_id,
        queue=request.queue,
        state=JobState.SCHEDULED if waits else JobState.PENDING,
        actor=request.actor,
        job_type=request.job_type,
        tenant=request.tenant,
        priority=request.priority,
        created_ms=now_ms,
        updated_ms=now_ms,
        attempt=0,
        spent=0,
        lost=0,
        retry=request.retry,
        schedule_ms=start_ms if waits else None,
        run_at_ms=start_ms if waits else None,
        deadline_ms=request.deadline_ms,
        expire_ms=now_ms + request.ttl_ms if request.ttl_ms is not None else request.expire_ms,
        timeout_ms=request.timeout_ms,
        conversation_id=request.conversation_id,
        labels=request.labels,
        trace_id=request.trace_id,
    )


@lru_cache(maxsize=256)
def retry_of(max_attempts: str | None, min_backoff: str | None, max_backoff: str | None) -> RetryPolicy:
    """Read a retry policy from its three fields, each '' or None for the default."""
    return RetryPolicy(
        int(max_attempts or _DEFAULT_RETRY.max_attempts),
        int(min_backoff or _DEFAULT_RETRY.min_backoff_ms),
        int(max_backoff or _DEFAULT_RETRY.max_backoff_ms),
    )


def _instant(record: Mapping[str, str], field: str) -> int | None:
    value = record.get(field)
    return int(float(value)) if value else None


def progress_json(progress: Progress) -> bytes:
    body = {
        "fraction": progress.fraction,
        "stage": progress.stage,
        "done": progress.completed_units,
        "total": progress.total_units,
        "finish": progress.finish_ms,
        "at": progress.at_ms,
    }
    return orjson.dumps(body)


def progress_of(data: str | bytes) -> Progress:
    body: dict[str, Any] = orjson.loads(data)
    return Progress(body["fraction"], body["stage"], body["done"], body["total"], body["finish"], body["at"])


def error_json(error: JobError) -> bytes:
    body = {
        "class": error.error_class.value,
        "reason": error.reason,
        "message": error.message,
        "suggestion": error.suggestion,
        "attempt": error.attempt,
        "at": error.at_ms,
    }
    return orjson.dumps(body)


def error_of(data: str | bytes) -> JobError:
    body: dict[str, Any] = orjson.loads(data)
    return JobError(
        ErrorClass(body["class"]),
        body["reason"],
        body.get("message", ""),
        body.get("suggestion", ""),
        body.get("attempt", 0),
        body.get("at", 0),
    )


def text_map(flat: Sequence[bytes]) -> dict[str, str]:
    """Read a flat reply of fields and values."""
    return {flat[i].decode(): flat[i + 1].decode() for i in range(0, len(flat), 2)}
