"""Get and list: reading jobs, without changing anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from common.job.model import DEFAULT_TENANT, Content, Job, JobError, Part, Usage
from common.job.states import JobState
from common.store.jobs.parts import part_of
from common.store.keys import QueueKeys
from common.store.operation import Argument, Operation
from common.store.packing import expanded, unpacked
from common.store.record import INDEX_SEPARATOR, job_of, text_map
from common.store.scripts import script
from common.store.spelling import error_of, usage_of


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job as it was at one position of its queue's event stream."""

    job: Job
    #: The last event already in `job`; "0-0" before the first.
    position: str
    #: Empty unless read in full, like those below.
    payload: bytes = field(default=b"", repr=False)
    result: Content | None = None
    parts: tuple[Part, ...] = ()
    #: Messages that a retry replaced, oldest first.
    former: tuple[bytes, ...] = field(default=(), repr=False)


def get(keys: QueueKeys, job_id: str, *, full: bool = False) -> Operation[Snapshot | None]:
    """Read one job; None if there is none."""

    def read(reply: list[Any]) -> Snapshot | None:
        position, line, run, payload, result, parts, former = reply
        if not line:
            return None
        named = {result[i]: result[i + 1] for i in range(0, len(result), 2)}
        content = expanded(Content(named[b"media"].decode(), named[b"data"])) if named else None
        kept = tuple(part_of(parts[i].decode(), parts[i + 1]) for i in range(0, len(parts), 2))
        job = job_of(job_id, keys.queue, line.decode(), text_map(run))
        return Snapshot(
            job, position.decode(), unpacked(payload), content, kept, tuple(map(unpacked, former))
        )

    return Operation(script("get"), keys.all(), [job_id, "1" if full else ""], read)


def read_records(keys: QueueKeys, job_ids: Sequence[str]) -> Operation[list[Job]]:
    """Read the records of some jobs, in order; those that are no more are left out."""

    def read(reply: list[Any]) -> list[Job]:
        rows = zip(job_ids, reply[::2], reply[1::2], strict=True)
        return [
            job_of(job_id, keys.queue, line.decode(), text_map(run)) for job_id, line, run in rows if line
        ]

    return Operation(script("records"), keys.all(), list(job_ids), read)


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs of one queue, newest id first."""

    jobs: list[Job]
    #: The id to go on after; "" at the end.
    after: str
    #: How many jobs were looked at.
    scanned: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """A field (record.py, or label:KEY), one of = != < <= > >= has, and a value."""

    field: str
    operator: str
    value: str


#: Joins the conditions before it: a list of both is in postfix order, such as a, b, "AND", c, "NOT", "OR".
Connective = Literal["AND", "OR", "NOT"]


def list_jobs(
    keys: QueueKeys,
    *,
    tenant: str = DEFAULT_TENANT,
    program: Sequence[Condition | Connective] = (),
    indexes: Sequence[str] = (),
    after: str = "",
    want: int = 50,
    look: int = 2_000,
) -> Operation[Page]:
    """Read a page: at most `want` jobs that meet the condition, of at most `look` looked at.

    Args:
        program: The condition in postfix order; blank for all jobs.
        indexes: Names (record.index_name, or "s=STATE") of which each holds every match; the smallest is
            read.
    """
    arguments: list[Argument] = [tenant, after, want, look, INDEX_SEPARATOR.join(indexes)]
    for step in program:
        arguments += (step.field, step.operator, step.value) if isinstance(step, Condition) else (step,)

    def read(reply: list[Any]) -> Page:
        rows = range(2, len(reply), 3)
        found = [
            job_of(reply[i].decode(), keys.queue, reply[i + 1].decode(), text_map(reply[i + 2])) for i in rows
        ]
        return Page(found, reply[0].decode(), int(reply[1]))

    return Operation(script("list"), keys.all(), arguments, read)


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt of a job."""

    #: The fencing token.
    attempt: int
    worker: str
    started_ms: int
    #: None while it runs.
    ended_ms: int | None
    #: SUCCEEDED, FAILED, CANCELLED, RELEASED, LOST, or RUNNING.
    outcome: str
    #: Why it failed; of a released one, None.
    error: JobError | None
    usage: Usage | None


def attempts(keys: QueueKeys, job_id: str) -> Operation[list[AttemptRecord] | None]:
    """Read a job's attempts, oldest first: at most 50 that are over, and the last. None: no such job."""

    def read(reply: list[Any]) -> list[AttemptRecord] | None:
        line, rows, flat = reply
        if not line:
            return None
        found = [_attempt(row.decode().split("\t")) for row in rows]
        last = _last_attempt(text_map(flat))
        if last is not None and all(past.attempt != last.attempt for past in found):
            found.append(last)
        return found

    return Operation(script("attempts"), keys.all(), [job_id], read)


def _attempt(row: list[str]) -> AttemptRecord:
    number, worker, started, ended, outcome, usage, error, *_ = row
    return AttemptRecord(
        int(number),
        worker,
        int(started),
        int(ended),
        outcome,
        error_of(error) if error else None,
        usage_of(usage) if usage else None,
    )


def _last_attempt(run: dict[str, str]) -> AttemptRecord | None:
    """Return the attempt that the run record describes: the one that runs, or that made the job final."""
    if not run.get("started"):
        return None
    state = JobState(run["state"])
    ended = int(run["ended"]) if "ended" in run else None
    outcome = state.value if state.is_final else "RUNNING"
    error = error_of(run["error"]) if state is JobState.FAILED and "error" in run else None
    usage = usage_of(run["usage"]) if run.get("usage") else None
    return AttemptRecord(
        int(run["attempt"]), run.get("worker", ""), int(run["started"]), ended, outcome, error, usage
    )
