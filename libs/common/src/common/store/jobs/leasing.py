"""Fetch, renew, progress, finish: what a worker does with a job that it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.job.ids import JobId
from common.job.model import Content, Progress, RetryPolicy
from common.job.outcome import Cancelled, Fail, Outcome, Release, Retry, Succeed
from common.job.states import JobState
from common.store.jobs.arguments import now_argument
from common.store.keys import QueueKeys
from common.store.operation import Argument, Operation, script
from common.store.record import error_json, progress_json, retry_of

#: A job whose worker vanished this often is given up.
MAX_LOST: Final = 3


@dataclass(frozen=True, slots=True)
class Lease:
    """One attempt of a job, held by this worker until it is finished or the lease runs out."""

    job_id: JobId
    #: The fencing token.
    attempt: int
    tenant: str
    spent: int
    lost: int
    retry: RetryPolicy
    timeout_ms: int | None
    payload: bytes

    @property
    def member(self) -> str:
        """How the lease is named in the store."""
        return f"{self.job_id}/{self.attempt}"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch got."""

    leases: list[Lease]
    now_ms: int
    #: Until something waiting may become ready; None if nothing is due at a known time.
    wait_ms: int | None
    paused: bool


def fetch(
    keys: QueueKeys,
    *,
    consumer: str,
    number: int,
    want: int,
    lease_ms: int,
    worker: str,
    now_ms: int | None = None,
) -> Operation[Fetched]:
    """Lease up to `want` jobs. A repeat of `number` by the same consumer gets the same jobs."""

    def read(reply: list[Any]) -> Fetched:
        wait_ms = int(reply[1])
        return Fetched(
            [_lease(row) for row in reply[3:]], int(reply[0]), None if wait_ms < 0 else wait_ms, reply[2] == 1
        )

    arguments: list[Argument] = [now_argument(now_ms), consumer, number, want, lease_ms, MAX_LOST, worker]
    return Operation(script("fetch"), keys.all(), arguments, read)


def _lease(row: list[Any]) -> Lease:
    job_id, attempt, tenant, spent, lost, most, backoff_min, backoff_max, timeout, payload = row
    return Lease(
        JobId(job_id.decode()),
        int(attempt),
        tenant.decode(),
        int(spent),
        int(lost),
        retry_of(most.decode(), backoff_min.decode(), backoff_max.decode()),
        int(timeout) if timeout else None,
        payload,
    )


#: Replies of renew and progress.
LOST: Final = 0
HELD: Final = 1
STOP: Final = 2


def renew(
    keys: QueueKeys, members: Sequence[str], *, lease_ms: int, now_ms: int | None = None
) -> Operation[list[int]]:
    """Push leases forward. For each: LOST, HELD, or STOP (held, and asked to stop)."""
    return Operation(script("renew"), keys.all(), [now_argument(now_ms), lease_ms, *members], list)


def progress(
    keys: QueueKeys,
    member: str,
    *,
    report: Progress | None = None,
    part: tuple[str, Content] | None = None,
    now_ms: int | None = None,
) -> Operation[int]:
    """Record progress or a finished part of a leased job. Returns LOST, HELD or STOP."""
    name, content = part if part is not None else ("", Content("", b""))
    arguments: list[Argument] = [
        now_argument(now_ms),
        member,
        progress_json(report) if report is not None else "",
        name,
        content.media_type,
        content.data,
    ]
    return Operation(script("progress"), keys.all(), arguments, int)


def finish(
    keys: QueueKeys, outcomes: Sequence[tuple[str, Outcome]], *, now_ms: int | None = None
) -> Operation[list[JobState | None]]:
    """Commit outcomes by lease member. For each: the state it led to, or None if the lease was stale."""
    arguments: list[Argument] = [now_argument(now_ms)]
    for member, outcome in outcomes:
        arguments += (member, *_spelled(outcome))

    def read(reply: list[bytes]) -> list[JobState | None]:
        return [None if state == b"STALE" else JobState(state.decode()) for state in reply]

    return Operation(script("finish"), keys.all(), arguments, read)


def _spelled(outcome: Outcome) -> tuple[Argument, ...]:
    """Return outcome, delay, error, media type, result and payload as finish.lua takes them."""
    match outcome:
        case Succeed(result):
            content = result or Content("", b"")
            return ("succeed", 0, "", content.media_type, content.data, "")
        case Fail(error):
            return ("fail", 0, error_json(error), "", "", "")
        case Retry(error, delay_ms, payload):
            return ("retry", delay_ms, error_json(error), "", "", payload or "")
        case Release(delay_ms, _):
            return ("release", delay_ms, "", "", "", "")
        case Cancelled():
            return ("cancelled", 0, "", "", "", "")
