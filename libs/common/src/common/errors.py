"""Every error that a caller of the platform can meet, as one tree.

    JobsError
    ├── InvalidField            INVALID_ARGUMENT     FIELD_INVALID
    │   ├── RequestUnreadable                        REQUEST_UNREADABLE
    │   ├── InvalidFilter                            FILTER_INVALID
    │   ├── InvalidPageToken                         PAGE_TOKEN_INVALID
    │   ├── InvalidResumeToken                       RESUME_TOKEN_INVALID
    │   ├── RequestIdReused                          REQUEST_ID_REUSED
    │   ├── RequestIdSpent                           REQUEST_ID_SPENT
    │   ├── TranscriptTooLarge                       TRANSCRIPT_TOO_LARGE
    │   └── ConversationRefused                      CONTENT_REFUSED
    ├── NotFound                NOT_FOUND            (named by the subclass)
    │   ├── JobNotFound                              JOB_NOT_FOUND
    │   ├── ConversationNotFound                     CONVERSATION_NOT_FOUND
    │   ├── AnalysisNotFound                         ANALYSIS_NOT_FOUND
    │   ├── InsightsNotFound                         INSIGHTS_NOT_FOUND
    │   ├── BatchNotFound                            BATCH_NOT_FOUND
    │   └── QueueNotFound                            QUEUE_NOT_FOUND
    ├── WrongState              FAILED_PRECONDITION  (named by the subclass)
    │   ├── JobNotCancellable                        JOB_NOT_CANCELLABLE
    │   ├── JobNotRetryable                          JOB_NOT_RETRYABLE
    │   ├── JobNotMutable                            JOB_NOT_MUTABLE
    │   ├── JobNotDeletable                          JOB_NOT_DELETABLE
    │   ├── BatchNotCancellable                      BATCH_NOT_CANCELLABLE
    │   ├── BatchNotRetryable                        BATCH_NOT_RETRYABLE
    │   ├── BatchNotDeletable                        BATCH_NOT_DELETABLE
    │   └── BatchNotOpen                             BATCH_NOT_OPEN
    ├── QueueDraining           FAILED_PRECONDITION  QUEUE_DRAINING
    ├── DuplicateJob            ALREADY_EXISTS       DUPLICATE_JOB
    ├── EtagMismatch            ABORTED              ETAG_MISMATCH
    ├── QueueFull               RESOURCE_EXHAUSTED   QUEUE_FULL
    ├── StoreFull               RESOURCE_EXHAUSTED   STORE_FULL
    ├── WatchTooSlow            RESOURCE_EXHAUSTED   WATCH_TOO_SLOW
    ├── StoreUnavailable        UNAVAILABLE          STORE_UNAVAILABLE
    ├── FileStoreUnavailable    UNAVAILABLE          FILE_STORE_UNAVAILABLE
    ├── Draining                UNAVAILABLE          DRAINING
    ├── Unauthenticated         UNAUTHENTICATED      CREDENTIALS_INVALID
    ├── PermissionDenied        PERMISSION_DENIED    PERMISSION_MISSING
    └── TenantNotGranted        PERMISSION_DENIED    TENANT_NOT_GRANTED

A message never quotes a payload. It says what is wrong and the way out. `status` is the name
of a gRPC code, so that this module needs no gRPC; `metadata` goes into google.rpc.ErrorInfo.
"""

from __future__ import annotations

from typing import ClassVar

from common.job.ids import queue_of


class JobsError(Exception):
    """Anything that the platform itself refuses or cannot do."""

    #: Name of the grpc.StatusCode that this error ends a call with.
    status: ClassVar[str] = "INTERNAL"
    #: google.rpc.ErrorInfo.reason: a constant that programs may rely on.
    reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self, message: str, *, metadata: dict[str, str] | None = None, retry_after_ms: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata or {}
        #: When the caller may try again; None if trying again will not help.
        self.retry_after_ms = retry_after_ms


class InvalidField(JobsError):
    """A field of the request is wrong."""

    status = "INVALID_ARGUMENT"
    reason = "FIELD_INVALID"

    def __init__(self, field: str, message: str, *, metadata: dict[str, str] | None = None) -> None:
        super().__init__(f"{field}: {message}", metadata={"field": field, **(metadata or {})})
        #: Path of the field in the request, such as "job.spec.generic.actor".
        self.field = field
        self.description = message


class InvalidFields(InvalidField):
    """Several fields of the request are wrong; all of them are reported together."""

    def __init__(self, violations: list[tuple[str, str]]) -> None:
        first_field, first_message = violations[0]
        super().__init__(first_field, first_message)
        #: (field path, what is wrong with it), at least one.
        self.violations = violations
        self.message = "; ".join(f"{field}: {message}" for field, message in violations)


class RequestUnreadable(InvalidField):
    """The bytes of the request are no message of the method."""

    reason = "REQUEST_UNREADABLE"

    def __init__(self) -> None:
        super().__init__(
            "request", "its bytes are no message of this method: encode it as the contract in protos/ says"
        )


class InvalidFilter(InvalidField):
    """The filter does not follow the grammar, or names an unknown field."""

    reason = "FILTER_INVALID"


class InvalidPageToken(InvalidField):
    """The page token was not made by this server for this request."""

    reason = "PAGE_TOKEN_INVALID"


class InvalidResumeToken(InvalidField):
    """The resume token was not made by this service for this watch."""

    reason = "RESUME_TOKEN_INVALID"


class RequestIdReused(InvalidField):
    """The request id was used before, with another request: for this job."""

    reason = "REQUEST_ID_REUSED"

    def __init__(self, first_id: str, *, kind: str = "job_id") -> None:
        queue = queue_of(first_id)
        where = f", for job {first_id} of the queue {queue}" if queue else ""
        super().__init__(
            "request_id",
            f"was used in the last 24 hours with another request{where}; use a new id for a new request",
            metadata={kind: first_id},
        )


class RequestIdSpent(InvalidField):
    """The request id was used for the same request, and what that made is gone."""

    reason = "REQUEST_ID_SPENT"

    def __init__(self, first_id: str, *, kind: str = "job_id") -> None:
        what = kind.removesuffix("_id")
        super().__init__(
            "request_id",
            f"was used in the last 24 hours, for {what} {first_id}, which was deleted or is past its"
            " retention; use a new id to have it done again",
            metadata={kind: first_id},
        )


class TranscriptTooLarge(InvalidField):
    """The conversation is larger than the store takes."""

    reason = "TRANSCRIPT_TOO_LARGE"


class ConversationRefused(InvalidFields):
    """The conversation has content that the operator does not take."""

    reason = "CONTENT_REFUSED"

    def __init__(self, places: list[tuple[str, list[str]]]) -> None:
        super().__init__(
            [
                (field, f"holds what is flagged as {' and '.join(kinds)}: take it out, and put it again")
                for field, kinds in places
            ]
        )
        self.metadata["kinds"] = ",".join(sorted({kind for _, kinds in places for kind in kinds}))


class NotFound(JobsError):
    """The named thing does not exist, or belongs to another tenant."""

    status = "NOT_FOUND"
    reason = "NOT_FOUND"
    #: What kind of thing, for google.rpc.ResourceInfo.
    resource_type: ClassVar[str] = "resource"
    advice: ClassVar[str] = "check the id"

    def __init__(self, name: str) -> None:
        super().__init__(f"no {self.resource_type} {name!r}: {self.advice}", metadata={"name": name})
        self.name = name


class JobNotFound(NotFound):
    """No such job: never created, of another tenant, or past its retention."""

    reason = "JOB_NOT_FOUND"
    resource_type = "job"
    advice = "check the id; finished jobs are removed after their retention"


class ConversationNotFound(NotFound):
    """No such conversation."""

    reason = "CONVERSATION_NOT_FOUND"
    resource_type = "conversation"
    advice = "put it first with ConversationService.PutConversation"


class AnalysisNotFound(NotFound):
    """No analysis is kept for the conversation."""

    reason = "ANALYSIS_NOT_FOUND"
    resource_type = "analysis"
    advice = "create a TRANSCRIPT_ANALYSIS job for the conversation first"


class InsightsNotFound(NotFound):
    """No insights are kept for the participant."""

    reason = "INSIGHTS_NOT_FOUND"
    resource_type = "insights"
    advice = "create a LEARNING_INSIGHTS job for the participant first"


class QueueNotFound(NotFound):
    """No such queue was ever declared."""

    reason = "QUEUE_NOT_FOUND"
    resource_type = "queue"
    advice = "QueueService.ListQueues lists the queues"


class BatchNotFound(NotFound):
    """No such batch: never created, of another tenant, or past its retention."""

    reason = "BATCH_NOT_FOUND"
    resource_type = "batch"
    advice = "check the id; batches are removed after their retention"


class WrongState(JobsError):
    """The state of a job, or of a batch, does not allow this."""

    status = "FAILED_PRECONDITION"
    reason = "WRONG_STATE"
    thing: ClassVar[str] = "job"
    things: ClassVar[str] = "jobs"
    way_out: ClassVar[str] = "look at its state first"

    def __init__(self, name: str, state: str) -> None:
        super().__init__(
            f"{self.thing} {name!r} is {state}: {self.way_out}",
            metadata={f"{self.thing}_id": name, "state": state},
        )
        self.name = name
        self.state = state


class JobNotCancellable(WrongState):
    """The job is final already."""

    reason = "JOB_NOT_CANCELLABLE"
    way_out = "only a job that is not final can be cancelled"


class JobNotRetryable(WrongState):
    """The job is not FAILED, CANCELLED or EXPIRED."""

    reason = "JOB_NOT_RETRYABLE"
    way_out = "only a FAILED, CANCELLED or EXPIRED job can be retried"


class JobNotMutable(WrongState):
    """The job does not wait any more."""

    reason = "JOB_NOT_MUTABLE"
    way_out = (
        "only a SCHEDULED, PENDING or RETRYING job can be changed, and not the start of one that waits "
        "for a retry or for a worker of its own"
    )


class JobNotDeletable(WrongState):
    """The job is not final."""

    reason = "JOB_NOT_DELETABLE"
    way_out = "only a final job can be deleted; cancel it first"


class BatchNotCancellable(WrongState):
    """The batch has ended otherwise."""

    reason = "BATCH_NOT_CANCELLABLE"
    thing, things = "batch", "batches"
    way_out = "only a batch that has not ended can be cancelled"


class BatchNotRetryable(WrongState):
    """None of its members can be retried, or it is being stopped."""

    reason = "BATCH_NOT_RETRYABLE"
    thing, things = "batch", "batches"
    way_out = (
        "it has no members that FAILED or EXPIRED, or wait for it to have stopped; "
        "include_cancelled retries those that were cancelled"
    )


class BatchNotDeletable(WrongState):
    """The batch has not ended."""

    reason = "BATCH_NOT_DELETABLE"
    thing, things = "batch", "batches"
    way_out = "only a batch that has ended can be deleted; cancel it first"


class BatchNotOpen(WrongState):
    """The batch takes no more members."""

    reason = "BATCH_NOT_OPEN"
    thing, things = "batch", "batches"
    way_out = "it takes no more members: create another one"


class QueueDraining(JobsError):
    """The queue works off what it has, and takes nothing new."""

    status = "FAILED_PRECONDITION"
    reason = "QUEUE_DRAINING"
    way_out: ClassVar[str] = "submit again after QueueService.ResumeQueue"

    def __init__(self, queue: str) -> None:
        super().__init__(f"queue {queue!r} is being drained: {self.way_out}", metadata={"queue": queue})
        self.queue = queue


class DuplicateJob(JobsError):
    """A job with the same unique key is not final yet."""

    status = "ALREADY_EXISTS"
    reason = "DUPLICATE_JOB"
    way_out: ClassVar[str] = "wait for its end, or choose another duplicate_policy"

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"job {job_id!r} has the same unique_key and is not final: {self.way_out}",
            metadata={"job_id": job_id},
        )
        self.job_id = job_id


class EtagMismatch(JobsError):
    """What was to be changed has changed since the caller read it."""

    status = "ABORTED"
    reason = "ETAG_MISMATCH"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} has changed since its etag was read: read it again, then repeat the change",
            metadata={"name": name},
        )


class QueueFull(JobsError):
    """The queue holds as many waiting jobs as it may."""

    status = "RESOURCE_EXHAUSTED"
    reason = "QUEUE_FULL"

    def __init__(self, queue: str, depth: int) -> None:
        super().__init__(
            f"queue {queue!r} holds its limit of {depth} waiting jobs: try again when it has drained",
            metadata={"queue": queue, "limit": str(depth)},
            retry_after_ms=5_000,
        )


class StoreFull(JobsError):
    """The server has reached its memory limit; what runs goes on, nothing new is taken."""

    status = "RESOURCE_EXHAUSTED"
    reason = "STORE_FULL"

    def __init__(self) -> None:
        super().__init__(
            "the store has reached its memory limit: try again when the queues have drained",
            retry_after_ms=10_000,
        )


class WatchTooSlow(JobsError):
    """The watcher reads slower than events come; nothing is lost if it resumes."""

    status = "RESOURCE_EXHAUSTED"
    reason = "WATCH_TOO_SLOW"

    def __init__(self, resume_token: str) -> None:
        super().__init__(
            "the watch fell too far behind: watch again with the last resume token",
            metadata={"resume_token": resume_token},
            retry_after_ms=0,
        )


class StoreUnavailable(JobsError):
    """Valkey or Redis does not answer."""

    status = "UNAVAILABLE"
    reason = "STORE_UNAVAILABLE"

    def __init__(self, message: str = "the store does not answer: try again in a moment") -> None:
        super().__init__(message, retry_after_ms=1_000)


class FileStoreUnavailable(JobsError):
    """The file store for large messages does not answer, or refuses."""

    status = "UNAVAILABLE"
    reason = "FILE_STORE_UNAVAILABLE"

    def __init__(self, why: str = "") -> None:
        super().__init__(
            "the file store for large arguments does not answer: try again in a moment, or pass where they "
            "are in place of them; smaller jobs are taken meanwhile",
            retry_after_ms=5_000,
        )
        #: What it said, for logs: never a path or content.
        self.why = why


class Draining(JobsError):
    """This replica is shutting down."""

    status = "UNAVAILABLE"
    reason = "DRAINING"

    def __init__(self, resume_token: str = "") -> None:
        super().__init__(
            "this replica is shutting down: try again, another will answer",
            metadata={"resume_token": resume_token} if resume_token else None,
            retry_after_ms=0,
        )


class Unauthenticated(JobsError):
    """The credentials are missing, wrong or expired."""

    status = "UNAUTHENTICATED"
    reason = "CREDENTIALS_INVALID"


class PermissionDenied(JobsError):
    """The caller is known, but may not do this."""

    status = "PERMISSION_DENIED"
    reason = "PERMISSION_MISSING"

    def __init__(self, role: str) -> None:
        super().__init__(
            f"this call needs the role {role!r}: ask whoever issues your token", metadata={"role": role}
        )


class TenantNotGranted(JobsError):
    """The caller is known, but may not act for the tenant that it names."""

    status = "PERMISSION_DENIED"
    reason = "TENANT_NOT_GRANTED"

    def __init__(self) -> None:
        super().__init__(
            'the token does not open the tenant in the metadata entry "bothsides-tenant": '
            "ask whoever issues it for the claim 'tenants'"
        )
