"""Fetch, renew, progress, finish: what a worker does with a job that it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from common.job.ids import JobId
from common.job.model import DEFAULT_TENANT, Content, Progress, RetryPolicy, Usage
from common.job.outcome import Cancelled, Fail, Outcome, Release, Retry, Succeed
from common.job.states import JobState
from common.store.jobs.arguments import now_argument
from common.store.keys import QueueKeys
from common.store.operation import Argument, Operation
from common.store.record import VERSION, retry_of
from common.store.scripts import script
from common.store.spelling import error_json, progress_json, usage_json


# Not frozen, as is Ending: one is made for each job, and a frozen one takes three times as long to make.
@dataclass(slots=True)
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
    #: Its message, packed if it is large, see packing.py.
    payload: bytes = field(repr=False)
    #: It lost its workers before, and must have this one for itself.
    alone: bool = False
    #: Of its record. One that is newer than record.VERSION is not for this worker.
    version: int = VERSION
    #: The batch that it is a member of; "" for none.
    batch_id: str = ""
    #: When its job might first start (Unix ms); 0: not known.
    ready_ms: int = 0

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
    #: Jobs of the queue that one worker may run at once, as set for the queue; None: nothing is set.
    worker_concurrency: int | None = None
    #: A job that lost its workers waits for this worker to be free.
    suspect_waits: bool = False
    #: As many jobs were leased as there was room for: more may be ready. Else all that may start has started.
    more: bool = False


def fetch(
    keys: QueueKeys,
    *,
    consumer: str,
    number: int,
    want: int,
    lease_ms: int,
    worker: str,
    alone: bool = False,
    now_ms: int | None = None,
) -> Operation[Fetched]:
    """Lease up to `want` jobs. A repeat of `number` by the same consumer gets the same jobs.

    Args:
        alone: The worker runs nothing else; it may be given one job that must run so.
    """

    def read(reply: list[Any]) -> Fetched:
        wait_ms, each = int(reply[1]), int(reply[3])
        return Fetched(
            [_lease(reply[i], reply[i + 1]) for i in range(5, len(reply), 2)],
            int(reply[0]),
            None if wait_ms < 0 else wait_ms,
            reply[2] == 1,
            None if each < 0 else each,
            reply[4] == 1,
            wait_ms == -2,
        )

    arguments: list[Argument] = [
        now_argument(now_ms),
        consumer,
        number,
        want,
        lease_ms,
        "1" if alone else "",
        worker,
    ]
    return Operation(script("fetch"), keys.all(), arguments, read)


def _lease(told: bytes, whole: bytes) -> Lease:
    member, _, before = told.decode().partition(" ")
    job_id, _, attempt = member.rpartition("/")
    spent, _, lost = before.partition(" ")
    line, _, payload = whole.partition(b"\n")
    version, created, _, terms = line.split(b"\t", 3)
    tenant, retry, timeout_ms, batch_id, not_before_ms = _terms(terms)
    return Lease(
        JobId(job_id),
        int(attempt),
        tenant,
        int(spent or 0),
        abs(int(lost or 0)),
        retry,
        timeout_ms,
        payload,
        lost.startswith("-"),
        int(version),
        batch_id,
        not_before_ms or int(created),
    )


@lru_cache(maxsize=256)
def _terms(spelled: bytes) -> tuple[str, RetryPolicy, int | None, str, int]:
    """Read tenant, retries, timeout (ms), batch and schedule (ms) of a header behind its first times.

    Many jobs share them.
    """
    head = spelled.decode().split("\t") + _NO_FIELDS
    timeout_ms = int(head[9]) if head[9] else None
    retry = retry_of(head[6], head[7], head[8])
    return head[3] or DEFAULT_TENANT, retry, timeout_ms, head[13], int(head[0] or 0)


#: What a header leaves out at its end.
_NO_FIELDS: Final = [""] * 11


#: Replies of renew and progress.
LOST: Final = 0
HELD: Final = 1
STOP: Final = 2


def renew(
    keys: QueueKeys, members: Sequence[str], *, lease_ms: int, now_ms: int | None = None
) -> Operation[list[int]]:
    """Push leases forward. For each: LOST, HELD, or STOP (held, and asked to stop)."""
    return Operation(script("renew"), keys.all(), [now_argument(now_ms), lease_ms, *members], list)


_NOTHING: Final = Content("", b"")


# Not frozen: many are made, and a frozen one takes three times as long to make.
@dataclass(slots=True)
class Report:
    """What one attempt reports: how far it has come, or a finished part of its result."""

    member: str
    progress: Progress | None = None
    part: tuple[str, Content] | None = None


def tell(keys: QueueKeys, reports: Sequence[Report], *, now_ms: int | None = None) -> Operation[list[int]]:
    """Record what leased jobs report, each job's in order. Returns LOST, HELD or STOP for each report."""
    arguments: list[Argument] = [now_argument(now_ms)]
    for one in reports:
        name, content = one.part if one.part is not None else ("", _NOTHING)
        spelled = progress_json(one.progress) if one.progress is not None else b""
        arguments += (one.member, spelled, name, content.media_type, content.data)
    return Operation(script("progress"), keys.all(), arguments, list)


def progress(
    keys: QueueKeys,
    member: str,
    *,
    report: Progress | None = None,
    part: tuple[str, Content] | None = None,
    now_ms: int | None = None,
) -> Operation[int]:
    """Record progress or a finished part of one leased job. Returns LOST, HELD or STOP."""
    operation = tell(keys, [Report(member, report, part)], now_ms=now_ms)
    return Operation(operation.script, operation.keys, operation.arguments, lambda reply: int(reply[0]))


@dataclass(slots=True)
class Ending:
    """How one attempt ended, as it is committed."""

    member: str
    outcome: Outcome
    usage: Usage | None = None
    #: What the end causes elsewhere, see outbox.py; b"" for nothing.
    outbox: bytes = field(default=b"", repr=False)

    @property
    def is_plain(self) -> bool:
        """It has succeeded, with nothing to keep."""
        return (
            self.usage is None
            and not self.outbox
            and isinstance(self.outcome, Succeed)
            and self.outcome.result is None
        )


def finish(
    keys: QueueKeys, outcomes: Sequence[tuple[str, Outcome] | Ending], *, now_ms: int | None = None
) -> Operation[list[JobState | None]]:
    """Commit outcomes by lease member. For each: the state it led to, or None if the lease was stale."""
    endings = [ended if isinstance(ended, Ending) else Ending(*ended) for ended in outcomes]
    # What is said about plain successes is their members, and they come first.
    plain = [place for place, ending in enumerate(endings) if ending.is_plain]
    others = [place for place, ending in enumerate(endings) if not ending.is_plain]
    arguments: list[Argument] = [
        now_argument(now_ms),
        len(plain),
        *(endings[place].member for place in plain),
    ]
    for place in others:
        ending = endings[place]
        arguments += (ending.member, *_spelled(ending.outcome), usage_json(ending.usage), ending.outbox)

    def read(reply: list[bytes]) -> list[JobState | None]:
        states: list[JobState | None] = [None] * len(endings)
        for place, state in zip((*plain, *others), reply, strict=True):
            states[place] = _STATES[state]
        return states

    return Operation(script("finish"), keys.all(), arguments, read)


#: What finish replies.
_STATES: Final[Mapping[bytes, JobState | None]] = MappingProxyType(
    {b"STALE": None, **{state.value.encode(): state for state in JobState}}
)


def _spelled(outcome: Outcome) -> tuple[Argument, ...]:
    """Return outcome, delay, error or reason, media type, result and payload as finish.lua takes them."""
    match outcome:
        case Succeed(result):
            content = result or Content("", b"")
            return ("succeed", 0, "", content.media_type, content.data, "")
        case Fail(error):
            return ("fail", 0, error_json(error), "", "", "")
        case Retry(error, delay_ms, payload):
            return ("retry", delay_ms, error_json(error), "", "", payload or "")
        case Release(delay_ms, reason):
            return ("release", delay_ms, reason, "", "", "")
        case Cancelled():
            return ("cancelled", 0, "", "", "", "")
