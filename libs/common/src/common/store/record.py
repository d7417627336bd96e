"""The record of a job: how a Job is spelled in the store, and read back.

Two parts. The *header* is a line before the job's message, made when it is submitted and seldom changed;
its fields stand in the order of HEADER, apart by tabs, the empty ones at the end left out. The *run* is a
hash that is made when the job first moves; its fields, all text:

    state, attempt (the last fencing token), spent, lost, lost_alone, alone ("1": alone in its worker),
    ready, run_at, started, ended, updated (Unix ms), finished (attempt last committed, the state it led to;
    left out where `attempt` and `state` say it), worker, tenant (unless it is the default), progress, error,
    usage (JSON), class and cause (of the error), reason (why it waits, if not for its turn),
    revision (changes by operators and progress), spec_revision, checkpoint (its bytes), bytes (that it
    takes, once final, where the queue has a budget for memory).

A job without a run is as it was submitted. A field whose value is the default is left out. While a run holds
no more than state, started, ended, tenant, worker, usage and bytes of a first attempt, which runs or has
succeeded, it is *brief*: one string instead of the hash. Scripts write and read it (lua/record.lua); their
replies are as if it were a hash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import orjson

from common.errors import InvalidField
from common.job.ids import JobId
from common.job.model import (
    DEFAULT_TENANT,
    Job,
    JobRequest,
    RetryPolicy,
    common_terms,
)
from common.job.priority import Priority
from common.job.states import JobState
from common.job.types import GENERIC
from common.store.spelling import error_of, paid_of, progress_of, usage_of

#: Version of header and message, the header's first field. Fields may be added behind the last one, and to
#: the run, without another: older readers pass them over, newer ones do without. It is raised with a change
#: that an older worker must leave to newer ones. 2: the message is packed (packing.py), 3: filed
#: (filed.py); all others are 1.
VERSION: Final = 3
#: Fields of the header, in their order. `submit` writes the first five.
HEADER: Final = (
    "v",
    "created",
    "score",
    "schedule",
    "expire",
    "priority",
    "tenant",
    "actor",
    "type",
    "max",
    "backoff_min",
    "backoff_max",
    "timeout",
    "deadline",
    "conversation",
    "trace",
    "batch",
    "unique",
    "index",
    "labels",
)
#: Place of each field in the header, from 1.
PLACES: Final[Mapping[str, int]] = {name: place for place, name in enumerate(HEADER, 1)}
#: Before a field of a list's condition that is a label.
LABEL: Final = "label:"
#: Between the names of a job's indexes.
INDEX_SEPARATOR: Final = "\x1f"
#: A header is no longer than this (bytes), so that a script reads it at once.
HEADER_MAX: Final = 8_192
_REST_MAX: Final = 2_000
_LABELS_MAX: Final = 3_000
_REST_TABS: Final = 12
#: All of a job but its id, which is the first.
_REST: Final = attrgetter(*(part.name for part in fields(Job) if part.name != "job_id"))
_made: Final[Callable[..., Job]] = Job
_DEFAULT_RETRY: Final = RetryPolicy()
_PRIORITIES: Final = {priority.value: priority for priority in Priority}
_BREAKS: Final = frozenset("\t\n\x1f")


def index_name(field: str, value: str) -> str:
    """Return the name of the index that holds a tenant's jobs of which `field` is `value`."""
    return f"{field}={value}"


def index_names(request: JobRequest) -> list[str]:
    """Return the indexes that a job is entered in, beside those of its type, state and indexed labels."""
    names = []
    if request.conversation_id:
        names.append(index_name("conversation", request.conversation_id))
    if request.batch_id:
        names.append(index_name("batch", request.batch_id))
    return names


def header_rest(request: JobRequest) -> str:
    """Return the fields of a header from `priority` to `unique`; `submit` writes the others by itself.

    Raises:
        InvalidField: A value holds a tab or a line feed, or all together are too long.
    """
    rest = "\t".join(
        (
            request.priority.value,
            "" if request.tenant == DEFAULT_TENANT else request.tenant,
            request.actor,
            "" if request.job_type == GENERIC else request.job_type,
            str(request.retry.max_attempts),
            _unless(request.retry.min_backoff_ms, _DEFAULT_RETRY.min_backoff_ms),
            _unless(request.retry.max_backoff_ms, _DEFAULT_RETRY.max_backoff_ms),
            _number(request.timeout_ms),
            _number(request.deadline_ms),
            request.conversation_id,
            request.trace_id,
            request.batch_id,
            request.unique_key,
        )
    )
    if rest.count("\t") != _REST_TABS or "\n" in rest or len(rest) > _REST_MAX:
        raise _unspeakable(request, rest)
    return rest


def labels_json(labels: Mapping[str, str]) -> bytes:
    """Spell labels.

    Raises:
        InvalidField: They are too long together.
    """
    if not labels:
        return b""
    spelled = orjson.dumps(dict(labels))
    if len(spelled) > _LABELS_MAX:
        raise InvalidField("labels", f"are {len(spelled)} bytes together; use at most {_LABELS_MAX}")
    return spelled


def _unspeakable(request: JobRequest, rest: str) -> InvalidField:
    named = {
        "actor": request.actor,
        "tenant": request.tenant,
        "conversation_id": request.conversation_id,
        "unique_key": request.unique_key,
    }
    for field, value in named.items():
        if _BREAKS & set(value):
            return InvalidField(field, "must hold no tab and no line break")
    return InvalidField(
        "actor", f"the job's names are {len(rest)} characters together; use at most {_REST_MAX}"
    )


def _unless(value: int, default: int) -> str:
    return "" if value == default else str(value)


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def header_of(line: str) -> dict[str, str]:
    """Read a header by the names of its fields; those that are empty are left out."""
    return {name: value for name, value in zip(HEADER, line.split("\t"), strict=False) if value}


def job_of(job_id: str, queue: str, line: str, run: Mapping[str, str]) -> Job:
    """Read a record: its header's line, and its run, which is empty if the job never moved."""
    head = header_of(line)
    created_ms = int(head["created"])
    schedule_ms = _instant(head, "schedule")
    first = JobState.PENDING if schedule_ms is None else JobState.SCHEDULED
    state = JobState(run.get("state", first))
    times = [created_ms, *(_instant(run, name) or 0 for name in ("updated", "ready", "started", "ended"))]
    return Job(
        job_id=JobId(job_id),
        queue=queue,
        state=state,
        actor=head["actor"],
        job_type=head.get("type", GENERIC),
        tenant=head.get("tenant", DEFAULT_TENANT),
        priority=_PRIORITIES.get(head["priority"], Priority.NORMAL),
        created_ms=created_ms,
        updated_ms=max(times),
        attempt=int(run.get("attempt", 0)),
        spent=int(run.get("spent", 0)),
        lost=int(run.get("lost", 0)),
        retry=retry_of(head.get("max"), head.get("backoff_min"), head.get("backoff_max")),
        schedule_ms=schedule_ms,
        run_at_ms=_instant(run, "run_at") if run else schedule_ms,
        deadline_ms=_instant(head, "deadline"),
        expire_ms=_instant(head, "expire"),
        timeout_ms=_instant(head, "timeout"),
        started_ms=_instant(run, "started"),
        ended_ms=_instant(run, "ended"),
        worker=run.get("worker", ""),
        conversation_id=head.get("conversation", ""),
        batch_id=head.get("batch", ""),
        unique_key=head.get("unique", ""),
        labels=orjson.loads(head["labels"]) if "labels" in head else {},
        trace_id=head.get("trace", ""),
        progress=progress_of(run["progress"]) if "progress" in run else None,
        error=error_of(run["error"]) if "error" in run else None,
        usage=usage_of(run["usage"]) if run.get("usage") else None,
        paid=paid_of(run["paid"]) if "paid" in run else None,
        wait_reason=run.get("reason", "") if not state.is_final and not state.is_leased else "",
        revision=int(run.get("revision", 0)),
        spec_revision=int(run.get("spec_revision", 0)),
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
        batch_id=request.batch_id,
        unique_key=request.unique_key,
        labels=request.labels,
        trace_id=request.trace_id,
    )


class AcceptedJobs:
    """Returns jobs as `accepted` does, of many requests of which most are like the one before."""

    def __init__(self) -> None:
        self._like: tuple[Any, ...] = ()
        self._last: Job | None = None
        self._rest: tuple[Any, ...] | None = None

    def of(self, request: JobRequest, now_ms: int) -> Job:
        like = (now_ms, *common_terms(request))
        if self._last is None or like != self._like:
            self._like, self._last, self._rest = like, accepted(request, now_ms), None
            return self._last
        if self._rest is None:
            self._rest = _REST(self._last)
        return _made(request.job_id, *self._rest)


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


def text_map(flat: Sequence[bytes]) -> dict[str, str]:
    """Read a flat reply of fields and values."""
    return {flat[i].decode(): flat[i + 1].decode() for i in range(0, len(flat), 2)}
