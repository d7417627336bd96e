"""The operations on jobs that workers and services run. Each is one script; see its header in lua/."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.job.ids import JobId
from common.job.model import Content, Job, JobError, JobRequest, Part, Progress, RetryPolicy
from common.job.outcome import Cancelled, Fail, Outcome, Release, Retry, Succeed
from common.job.states import JobState
from common.store.keys import QueueKeys
from common.store.operation import Argument, Operation, script
from common.store.record import error_json, fields_of, job_of, progress_json, retry_of, text_map

#: How long a request id is remembered (ms).
REQUEST_TTL_MS: Final = 86_400_000
#: A job whose worker vanished this often is given up.
MAX_LOST: Final = 3
#: The time to leave for a job's run before its deadline, until its type's history says better (ms).
EXPECTED_RUN_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job is stored."""

    job_id: JobId
    now_ms: int


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same request was stored before, as this job."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class Reused:
    """The request id belongs to another request, stored as this job."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class Full:
    """The queue takes no more: it holds `depth` waiting jobs."""

    depth: int


Submitted = Accepted | Repeated | Reused | Full


def submit(
    keys: QueueKeys, requests: Sequence[JobRequest], *, now_ms: int | None = None
) -> Operation[list[Submitted]]:
    """Accept jobs of one queue, each by itself; safe to repeat, as the ids are the caller's."""
    arguments: list[Argument] = [_now(now_ms), REQUEST_TTL_MS]
    for request in requests:
        fields = fields_of(request)
        latest_ms = None if request.deadline_ms is None else request.deadline_ms - EXPECTED_RUN_MS
        arguments += (
            request.job_id,
            request.tenant,
            request.priority.value,
            _blank(latest_ms),
            _blank(request.run_at_ms),
            request.delay_ms,
            _blank(request.expire_ms),
            _blank(request.ttl_ms),
            request.request_id,
            request.request_digest,
            request.payload,
            len(fields),
            *fields,
        )

    def read(reply: list[Any]) -> list[Submitted]:
        now = int(reply[0])
        return [_submitted(reply[i], JobId(reply[i + 1].decode()), now) for i in range(1, len(reply), 2)]

    return Operation(script("submit"), keys.all(), arguments, read)


def _submitted(code: int, job_id: JobId, now_ms: int) -> Submitted:
    match code:
        case 1:
            return Accepted(job_id, now_ms)
        case 2:
            return Repeated(job_id)
        case -1:
            return Reused(job_id)
        case _:
            return Full(int(job_id))


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

    arguments: list[Argument] = [_now(now_ms), consumer, number, want, lease_ms, MAX_LOST, worker]
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
    return Operation(script("renew"), keys.all(), [_now(now_ms), lease_ms, *members], list)


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
        _now(now_ms),
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
    arguments: list[Argument] = [_now(now_ms)]
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an operator's verb. `state` is None when there is no such job of the tenant."""

    done: bool
    state: JobState | None


def _verdict(reply: list[Any]) -> Verdict:
    return Verdict(reply[0] == 1, JobState(reply[1].decode()) if reply[0] >= 0 else None)


def cancel(keys: QueueKeys, job_id: str, *, tenant: str, now_ms: int | None = None) -> Operation[Verdict]:
    """Stop a job; a running one is CANCELLING until its worker has stopped it."""
    arguments: list[Argument] = [_now(now_ms), job_id, tenant, keys.cancel_channel]
    return Operation(script("cancel"), keys.all(), arguments, _verdict)


def retry(keys: QueueKeys, job_id: str, *, tenant: str, now_ms: int | None = None) -> Operation[Verdict]:
    """Start a FAILED, CANCELLED or EXPIRED job anew."""
    return Operation(script("retry"), keys.all(), [_now(now_ms), job_id, tenant], _verdict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job as it was at one position of its queue's event stream."""

    job: Job
    #: The last event already in `job`; "0-0" before the first.
    position: str
    #: Empty unless read in full, like the two below.
    payload: bytes = b""
    result: Content | None = None
    parts: tuple[Part, ...] = ()


def get(keys: QueueKeys, job_id: str, *, full: bool = False) -> Operation[Snapshot | None]:
    """Read one job; None if there is none."""

    def read(reply: list[Any]) -> Snapshot | None:
        position, record, payload, result, parts = reply
        if not record:
            return None
        named = {result[i]: result[i + 1] for i in range(0, len(result), 2)}
        content = Content(named[b"media"].decode(), named[b"data"]) if named else None
        kept = tuple(_part(parts[i], parts[i + 1]) for i in range(0, len(parts), 2))
        job = job_of(job_id, keys.queue, text_map(record))
        return Snapshot(job, position.decode(), payload, content, kept)

    return Operation(script("get"), keys.all(), [job_id, "1" if full else ""], read)


def _part(name: bytes, value: bytes) -> Part:
    header, _, data = value.partition(b"\n")
    attempt, at_ms, media_type = header.decode().split("\t")
    return Part(name.decode(), int(attempt), int(at_ms), Content(media_type, data))


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs of one queue, newest id first."""

    jobs: list[Job]
    #: The id to go on after; "" at the end.
    after: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A record field (record.py), one of = != < <= > >=, and a value."""

    field: str
    operator: str
    value: str


def list_jobs(
    keys: QueueKeys,
    *,
    conditions: Sequence[Condition] = (),
    after: str = "",
    want: int = 50,
    look: int = 2_000,
) -> Operation[Page]:
    """Read a page: at most `want` jobs that meet all conditions, of at most `look` looked at."""
    arguments: list[Argument] = [after, want, look]
    for condition in conditions:
        arguments += (condition.field, condition.operator, condition.value)

    def read(reply: list[Any]) -> Page:
        rows = range(1, len(reply), 2)
        return Page(
            [job_of(reply[i].decode(), keys.queue, text_map(reply[i + 1])) for i in rows], reply[0].decode()
        )

    return Operation(script("list"), keys.all(), arguments, read)


def _now(now_ms: int | None) -> Argument:
    return "" if now_ms is None else now_ms


def _blank(value: int | None) -> Argument:
    return "" if value is None else value


__all__ = [
    "Accepted",
    "Condition",
    "Fetched",
    "Full",
    "JobError",
    "Lease",
    "Page",
    "Repeated",
    "Reused",
    "Snapshot",
    "Submitted",
    "Verdict",
    "cancel",
    "fetch",
    "finish",
    "get",
    "list_jobs",
    "progress",
    "renew",
    "retry",
    "submit",
]
