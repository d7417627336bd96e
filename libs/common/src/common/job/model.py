"""The job as the platform sees it, whatever it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from types import MappingProxyType
from typing import Final

from common.job.ids import JobId
from common.job.priority import Priority
from common.job.states import JobState
from common.job.values import made_quickly

#: The tenant of everyone whose credentials name none.
DEFAULT_TENANT: Final = "default"
NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})


class ErrorClass(StrEnum):
    """What kind of failure it was; `common.job.retry` says what follows."""

    TRANSIENT = "TRANSIENT"
    TIMEOUT = "TIMEOUT"
    RATE_LIMITED = "RATE_LIMITED"
    QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"
    INVALID_OUTPUT = "INVALID_OUTPUT"
    INVALID_INPUT = "INVALID_INPUT"
    CONTENT_POLICY = "CONTENT_POLICY"
    AUTHENTICATION = "AUTHENTICATION"
    WORKER_LOST = "WORKER_LOST"
    BUG = "BUG"


@dataclass(frozen=True, slots=True)
class JobError:
    """Why an attempt failed. Holds no payload."""

    error_class: ErrorClass
    #: A constant in UPPER_SNAKE_CASE, such as the exception's name.
    reason: str
    message: str = ""
    #: What a person could do about it.
    suggestion: str = ""
    #: The attempt that failed, from 1; 0 when not known.
    attempt: int = 0
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt has come."""

    #: 0 to 1.
    fraction: float
    stage: str = ""
    completed_units: int = 0
    #: 0 when not known.
    total_units: int = 0
    #: When the worker expects to be done; None when not known.
    finish_ms: int | None = None
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds on the attempts of one job and the pauses between them."""

    #: The first attempt counts too.
    max_attempts: int = 3
    min_backoff_ms: int = 2_000
    max_backoff_ms: int = 300_000


@dataclass(frozen=True, slots=True)
class PaidUsage:
    """What paid calls took and cost, of an attempt or of a job."""

    calls: int = 0
    #: Calls that were not made, as their answer was there.
    reused_calls: int = 0
    input_tokens: int = 0
    #: Of the input.
    cached_tokens: int = 0
    output_tokens: int = 0
    #: Millionths of a dollar, as all amounts.
    cost_micro_usd: int = 0
    #: What the answers that were there had cost.
    saved_micro_usd: int = 0
    #: Paid for calls whose answers nobody got; of a job, also all that failed attempts paid.
    wasted_micro_usd: int = 0
    #: Calls that may have been paid for besides: the same were under way when their callers died.
    doubtful_calls: int = 0

    def __add__(self, other: PaidUsage) -> PaidUsage:
        return PaidUsage(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Usage:
    """What an attempt used, as far as it could be measured; None for what could not."""

    #: Processor time (ms).
    cpu_ms: int | None = None
    #: The most memory that was held at once (bytes).
    peak_bytes: int | None = None
    #: None: it made no paid calls, and took no kept answers.
    paid: PaidUsage | None = None


class DuplicatePolicy(StrEnum):
    """What happens when a job with the same unique key has not ended yet."""

    #: The new one is accepted as well.
    RUN = "RUN"
    #: The job there is returned instead.
    USE_EXISTING = "USE_EXISTING"
    #: The new one is refused.
    REJECT = "REJECT"
    #: The job there is cancelled if it waits; if it runs it goes on, and the new one follows it.
    REPLACE = "REPLACE"


@made_quickly
@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job as it is submitted: what the queue must know of it, and the message that workers get."""

    job_id: JobId
    queue: str
    actor: str
    #: The encoded Dramatiq message.
    payload: bytes = field(repr=False)
    #: The job type's name, such as TRANSCRIPT_ANALYSIS; GENERIC for anyone's actor.
    job_type: str = "GENERIC"
    tenant: str = DEFAULT_TENANT
    priority: Priority = Priority.NORMAL
    #: Earliest start, counted from acceptance (ms); or `run_at_ms`, absolute. At most one of the two.
    delay_ms: int = 0
    run_at_ms: int | None = None
    #: When the result is needed.
    deadline_ms: int | None = None
    #: After this moment the job no longer starts; or `ttl_ms` from acceptance.
    expire_ms: int | None = None
    ttl_ms: int | None = None
    retry: RetryPolicy = RetryPolicy()
    #: Longest run of one attempt; None: the worker's own limit.
    timeout_ms: int | None = None
    conversation_id: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS)
    trace_id: str = ""
    #: Makes the submit safe to repeat; "" for none. Unique within tenant and method.
    request_id: str = ""
    #: Digest of what was asked, to tell a repeat from a reuse.
    request_digest: str = ""
    #: Jobs of a tenant and queue with the same key are the same work; "" for none.
    unique_key: str = ""
    duplicate_policy: DuplicatePolicy = DuplicatePolicy.USE_EXISTING
    batch_id: str = ""


#: What no two requests have in common.
_OWN: Final = frozenset({"job_id", "payload", "request_id", "request_digest"})
#: Returns all else of a request.
common_terms: Final = attrgetter(*(part.name for part in fields(JobRequest) if part.name not in _OWN))


@made_quickly
@dataclass(frozen=True, slots=True)
class Job:
    """A job's record, read at one moment."""

    job_id: JobId
    queue: str
    state: JobState
    actor: str
    job_type: str
    tenant: str
    priority: Priority
    created_ms: int
    updated_ms: int
    #: The last fencing token: counts every lease, spent or not.
    attempt: int
    #: Attempts that were used up.
    spent: int
    #: Attempts whose worker vanished.
    lost: int
    retry: RetryPolicy
    #: The earliest start that was asked for, if it was later than acceptance.
    schedule_ms: int | None = None
    #: When a waiting job may start next; None when it may now.
    run_at_ms: int | None = None
    deadline_ms: int | None = None
    expire_ms: int | None = None
    timeout_ms: int | None = None
    started_ms: int | None = None
    ended_ms: int | None = None
    worker: str = ""
    conversation_id: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS)
    trace_id: str = ""
    progress: Progress | None = None
    error: JobError | None = None
    #: Of the last attempt that ended.
    usage: Usage | None = None
    #: Of all attempts that ended, those of former specs included.
    paid: PaidUsage | None = None
    batch_id: str = ""
    unique_key: str = ""
    #: Why a waiting job waits, if not for its turn or its time: what released it, or SUSPECT.
    wait_reason: str = ""
    #: Grows with each change by an operator and each report of progress.
    revision: int = 0
    #: How often a retry replaced the spec.
    spec_revision: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes and what they are: a result, or a part of one. Opaque to the queue."""

    #: A MIME type, such as "application/json".
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part of a running job's result."""

    name: str
    attempt: int
    at_ms: int
    content: Content
