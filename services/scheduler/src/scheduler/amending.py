"""Changing a job that waits: the job as it is to be, and what of its record that changes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from common.errors import JobNotMutable
from common.job.model import Job, JobRequest
from common.job.states import JobState
from common.store.jobs import EXPECTED_RUN_MS, BlockerKind
from common.store.record import HEADER, LABEL, header_rest, index_name, index_names, labels_json
from scheduler import rules

WAITING: Final = frozenset({JobState.SCHEDULED, JobState.PENDING, JobState.RETRYING})
#: Fields of the contract: fields of a header. Those of times are not here: the script computes with them.
_SPELLED: Final = {
    "priority": ("priority",),
    "labels": ("labels",),
    "deadline_time": ("deadline",),
    "retry_policy": ("max", "backoff_min", "backoff_max"),
    "timeout": ("timeout",),
}


@dataclass(frozen=True, slots=True)
class Amendment:
    """What a job is to become."""

    #: The job as if it were submitted so.
    wanted: JobRequest
    #: Fields of the contract that change.
    fields: Collection[str]


def request_of(job: Job) -> JobRequest:
    """Return a job as if it were submitted as it is now, without its message."""
    return JobRequest(
        job_id=job.job_id,
        queue=job.queue,
        actor=job.actor,
        payload=b"",
        job_type=job.job_type,
        tenant=job.tenant,
        priority=job.priority,
        run_at_ms=job.schedule_ms,
        deadline_ms=job.deadline_ms,
        expire_ms=job.expire_ms,
        retry=job.retry,
        timeout_ms=job.timeout_ms,
        conversation_id=job.conversation_id,
        labels=job.labels,
        trace_id=job.trace_id,
        unique_key=job.unique_key,
        batch_id=job.batch_id,
    )


def check_mutable(job: Job, fields: Collection[str]) -> None:
    """Refuse changes that come too late.

    Raises:
        JobNotMutable: It does not wait; or it waits to run alone, and its start is to change.
    """
    is_due_otherwise = job.wait_reason == BlockerKind.SUSPECT
    if job.state not in WAITING or (is_due_otherwise and "schedule_time" in fields):
        raise JobNotMutable(job.job_id, job.state.value)


def record_changes(
    amendment: Amendment, indexed_labels: Sequence[str]
) -> tuple[dict[str, str], list[str] | None]:
    """Return changes of the header as jobs.update takes them, and the indexes if they change.

    Raises:
        InvalidField: The job could never do what is asked, or its record would be too long.
    """
    wanted = amendment.wanted
    rules.check(wanted, now_ms=0)  # which matters for a time to live alone, and that is a time by now
    spelled = dict(zip(HEADER[HEADER.index("priority") :], header_rest(wanted).split("\t"), strict=False))
    spelled["labels"] = labels_json(wanted.labels).decode()
    changes = {name: spelled[name] for field in amendment.fields for name in _SPELLED.get(field, ())}
    if "schedule_time" in amendment.fields:
        changes["schedule"] = str(wanted.run_at_ms or 0)
    if "expire_time" in amendment.fields or "ttl" in amendment.fields:
        changes["expire"] = _number(wanted.expire_ms)
    # The script orders the job anew by what it is told here, whatever changes.
    latest_ms = None if wanted.deadline_ms is None else wanted.deadline_ms - EXPECTED_RUN_MS
    changes["score"] = _number(latest_ms)
    if "labels" not in amendment.fields:
        return changes, None
    found_by = [index_name(LABEL + key, wanted.labels[key]) for key in indexed_labels if key in wanted.labels]
    return changes, index_names(wanted) + found_by


def _number(value: int | None) -> str:
    return "" if value is None else str(value)
