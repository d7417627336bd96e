"""Submit: jobs are accepted, each by itself, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.job.ids import JobId
from common.job.model import JobRequest, common_terms
from common.job.values import made_quickly
from common.store.jobs.arguments import blank_or, now_argument
from common.store.keys import QueueKeys
from common.store.operation import Argument, Operation
from common.store.packing import Packer, check_size
from common.store.record import INDEX_SEPARATOR, header_rest, index_names, labels_json
from common.store.scripts import script

#: How long a request id is remembered at least (ms); at most twice as long.
REQUEST_TTL_MS: Final = 86_400_000
#: The time to leave for a job's run before its deadline, until its type's history says better (ms).
EXPECTED_RUN_MS: Final = 30_000


@made_quickly
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


@dataclass(frozen=True, slots=True)
class Existing:
    """A job with the same unique key has not ended, and stands for this one."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class Rejected:
    """A job with the same unique key has not ended, and this one is refused."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class Draining:
    """The queue takes nothing new."""


@dataclass(frozen=True, slots=True)
class FileTooOld:
    """The file of the message may be gone already: it is to be named and written anew."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """The request id was bound to another queue after it was bound to this one; so only in a cluster."""


Submitted = Accepted | Repeated | Reused | Full | Existing | Rejected | Draining | FileTooOld


def submit(
    keys: QueueKeys,
    requests: Sequence[JobRequest],
    *,
    messages: Sequence[bytes] | None = None,
    generation: int = 0,
    now_ms: int | None = None,
) -> Operation[list[Submitted | Superseded]]:
    """Accept jobs of one queue, each by itself; safe to repeat, as the ids are the caller's.

    In a cluster, request ids are those of the queue: `submitting` looks after all.

    Args:
        messages: Those of the requests as the script takes them; None has them packed here if they are large.
        generation: In which the request ids are bound to the queue of a cluster.

    Raises:
        InvalidField: A request cannot be spelled as a record, or its message is too large.
    """
    terms: list[Argument] = []
    jobs: list[Argument] = []
    last: tuple[Any, ...] = ()
    place = 0
    pack = Packer().pack
    for at, request in enumerate(requests):
        common = common_terms(request)
        if common != last:  # of one call most are alike
            last = common
            place += 1
            terms += _terms_like(common, request)
        check_size(request.payload, "spec")
        payload = pack(request.payload, request.tenant) if messages is None else messages[at]
        jobs += (place, request.job_id, request.request_id, request.request_digest, payload)
    arguments = [now_argument(now_ms), REQUEST_TTL_MS, keys.cancel_channel, generation, place, *terms, *jobs]

    def read(reply: list[Any]) -> list[Submitted | Superseded]:
        now = int(reply[0])
        if len(reply) == 1:
            return [Accepted(request.job_id, now) for request in requests]
        return [_submitted(reply[i], JobId(reply[i + 1].decode()), now) for i in range(1, len(reply), 2)]

    return Operation(script("submit"), keys.all(), arguments, read, durable=keys.synced, beside=keys.claims)


def admit(keys: QueueKeys, request: JobRequest) -> Operation[Submitted]:
    """Tell what `submit` would say of a new job, as far as its queue and its unique key go; store nothing."""

    def read(reply: list[Any]) -> Submitted:
        code, told = int(reply[0]), JobId(reply[1].decode())
        match code:
            case -2:
                return Full(int(told))
            case -3:
                return Rejected(told)
            case -4:
                return Draining()
            case 3:
                return Existing(told)
            case _:
                return Accepted(request.job_id, 0)

    arguments = (request.tenant, request.unique_key, request.duplicate_policy.value)
    return Operation(script("admit"), keys.all(), arguments, read)


#: The terms of the last request, which most often are those of the next.
_last_terms: tuple[tuple[Any, ...], tuple[Argument, ...]] = ((), ())


def _terms_like(common: tuple[Any, ...], request: JobRequest) -> tuple[Argument, ...]:
    global _last_terms
    if request.labels:  # their owner may have changed them since
        return _terms(request)
    like, terms = _last_terms
    if common != like:
        terms = _terms(request)
        _last_terms = common, terms
    return terms


def _terms(request: JobRequest) -> tuple[Argument, ...]:
    """Return what the script must know of all jobs that are like this one."""
    latest_ms = None if request.deadline_ms is None else request.deadline_ms - EXPECTED_RUN_MS
    return (
        request.tenant,
        request.priority.value,
        blank_or(latest_ms),
        blank_or(request.run_at_ms),
        request.delay_ms,
        blank_or(request.expire_ms),
        blank_or(request.ttl_ms),
        request.unique_key,
        request.duplicate_policy.value,
        header_rest(request),
        INDEX_SEPARATOR.join(index_names(request)),
        labels_json(request.labels),
    )


def _submitted(code: int, job_id: JobId, now_ms: int) -> Submitted | Superseded:
    match code:
        case 1:
            return Accepted(job_id, now_ms)
        case 2:
            return Repeated(job_id)
        case 3:
            return Existing(job_id)
        case -1:
            return Reused(job_id)
        case -2:
            return Full(int(job_id))
        case -3:
            return Rejected(job_id)
        case -4:
            return Draining()
        case -5:
            return FileTooOld()
        case _:
            return Superseded()
