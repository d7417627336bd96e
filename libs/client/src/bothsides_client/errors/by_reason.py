"""An error for each reason of docs/errors.md, under the one for its code.

The class is the reason in CamelCase, so that `except JobNotFound` needs no look at a string.
"""

from __future__ import annotations

from collections.abc import Mapping

from bothsides_client.errors.base import RequestFailed
from bothsides_client.errors.by_code import (
    Aborted,
    AlreadyExists,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    ResourceExhausted,
    ServerFault,
    Unauthenticated,
    Unavailable,
)


class FieldInvalid(InvalidRequest):
    """Fields break a rule of the contract; `field_violations` names them."""

    REASON = "FIELD_INVALID"


class FilterInvalid(InvalidRequest):
    """The filter cannot be read, or names an unknown field."""

    REASON = "FILTER_INVALID"
    advice = "correct the filter"


class PageTokenInvalid(InvalidRequest):
    """The page token was not made for this request."""

    REASON = "PAGE_TOKEN_INVALID"
    advice = "list again from the first page"


class ResumeTokenInvalid(InvalidRequest):
    """The resume token was not made for this watch."""

    REASON = "RESUME_TOKEN_INVALID"
    advice = "watch again without a token"


class RequestIdReused(InvalidRequest):
    """The request id was used within 24 hours, with another job: `metadata["job_id"]`."""

    REASON = "REQUEST_ID_REUSED"
    advice = "use a new request id for a new job"


class RequestIdSpent(InvalidRequest):
    """The request id was used within 24 hours, for a job (or batch) that is gone: `metadata["job_id"]`."""

    REASON = "REQUEST_ID_SPENT"
    advice = "use a new request id to have it done again"


class RequestUnreadable(InvalidRequest):
    """The bytes of the request are no message of its method."""

    REASON = "REQUEST_UNREADABLE"
    advice = "check that client and server have the same contract"


class TranscriptTooLarge(InvalidRequest):
    """The conversation is larger than the store takes."""

    REASON = "TRANSCRIPT_TOO_LARGE"
    advice = "split it"


class ContentRefused(InvalidRequest):
    """The conversation has content that the operator does not take."""

    REASON = "CONTENT_REFUSED"
    advice = "take out what the named fields hold"


class JobNotFound(NotFound):
    """No such job, or it is another tenant's, or its retention is over."""

    REASON = "JOB_NOT_FOUND"


class ConversationNotFound(NotFound):
    """No such conversation."""

    REASON = "CONVERSATION_NOT_FOUND"
    advice = "put it first with `bothsides conversations put`"


class AnalysisNotFound(NotFound):
    """No analysis of the conversation is kept."""

    REASON = "ANALYSIS_NOT_FOUND"
    advice = "analyse it first with `bothsides analyze`"


class InsightsNotFound(NotFound):
    """No insights of the participant are kept."""

    REASON = "INSIGHTS_NOT_FOUND"
    advice = "make them first with `bothsides insights make`"


class QueueNotFound(NotFound):
    """No such queue was ever used."""

    REASON = "QUEUE_NOT_FOUND"
    advice = "`bothsides queues list` has the queues"


class BatchNotFound(NotFound):
    """No such batch, or it is another tenant's, or its retention is over."""

    REASON = "BATCH_NOT_FOUND"
    advice = "`bothsides batches list` has the batches"


class JobNotCancellable(PreconditionFailed):
    """The job is final already; `metadata["state"]` says how."""

    REASON = "JOB_NOT_CANCELLABLE"
    advice = "there is nothing left to cancel"


class JobNotRetryable(PreconditionFailed):
    """The job is not FAILED, CANCELLED or EXPIRED; `metadata["state"]` says what it is."""

    REASON = "JOB_NOT_RETRYABLE"
    advice = "wait for its end"


class JobNotMutable(PreconditionFailed):
    """The job runs or is final, and cannot be changed; `metadata["state"]` says what it is."""

    REASON = "JOB_NOT_MUTABLE"
    advice = "cancel it, and create another one"


class JobNotDeletable(PreconditionFailed):
    """The job is not final yet; `metadata["state"]` says what it is."""

    REASON = "JOB_NOT_DELETABLE"
    advice = "cancel it first"


class BatchNotCancellable(PreconditionFailed):
    """The batch has ended otherwise; `metadata["state"]` says how."""

    REASON = "BATCH_NOT_CANCELLABLE"
    advice = "there is nothing left to cancel"


class BatchNotRetryable(PreconditionFailed):
    """None of its members can be retried, or it is being stopped; `metadata["state"]` says what it is."""

    REASON = "BATCH_NOT_RETRYABLE"
    advice = "wait for it to have stopped, or retry cancelled members, too"


class BatchNotDeletable(PreconditionFailed):
    """The batch has not ended; `metadata["state"]` says what it is."""

    REASON = "BATCH_NOT_DELETABLE"
    advice = "cancel it first"


class BatchNotOpen(PreconditionFailed):
    """The batch takes no more members."""

    REASON = "BATCH_NOT_OPEN"
    advice = "create another batch"


class QueueDraining(PreconditionFailed):
    """The queue takes no new jobs, until it is resumed."""

    REASON = "QUEUE_DRAINING"
    advice = "`bothsides queues resume` ends it"


class DuplicateJob(AlreadyExists):
    """Another job with the same unique key is not final: `metadata["job_id"]`."""

    REASON = "DUPLICATE_JOB"
    advice = "wait for the other job, or submit with another duplicate policy"


class EtagMismatch(Aborted):
    """What was to be changed has changed since it was read."""

    REASON = "ETAG_MISMATCH"


class QueueFull(ResourceExhausted):
    """The queue holds as many waiting jobs as it may; try again after `retry_after_s`."""

    REASON = "QUEUE_FULL"


class StoreFull(ResourceExhausted):
    """The store has no memory left; running jobs go on. Try again after `retry_after_s`."""

    REASON = "STORE_FULL"


class WatchTooSlow(ResourceExhausted):
    """Events came faster than the watcher read them. Watches of this library resume by themselves."""

    REASON = "WATCH_TOO_SLOW"
    advice = "watch again with the last resume token: nothing is lost"


class StoreUnavailable(Unavailable):
    """The scheduler answers, but Valkey or Redis behind it does not."""

    REASON = "STORE_UNAVAILABLE"
    advice = "try again in a moment; if it stays, look at the server that REDIS_URL names"


class FileStoreUnavailable(Unavailable):
    """Large arguments cannot be kept or read for now; smaller jobs are taken."""

    REASON = "FILE_STORE_UNAVAILABLE"
    advice = "try again in a moment; if it stays, look at what JOB_PAYLOAD_STORE_URL names"


class Draining(Unavailable):
    """This replica shuts down; another one will answer."""

    REASON = "DRAINING"
    advice = "try again at once"


class CredentialsInvalid(Unauthenticated):
    """The token is missing, malformed, expired or not for this service."""

    REASON = "CREDENTIALS_INVALID"


class PermissionMissing(PermissionDenied):
    """The token lacks the role in `metadata["role"]`."""

    REASON = "PERMISSION_MISSING"


class TenantNotGranted(PermissionDenied):
    """The token does not open the tenant that the client acts for."""

    REASON = "TENANT_NOT_GRANTED"


class Internal(ServerFault):
    """Something that was not foreseen; the server's log has the rest under `metadata["request_id"]`."""

    REASON = "INTERNAL"


BY_REASON: Mapping[str, type[RequestFailed]] = {
    kind.REASON: kind
    for kind in (
        FieldInvalid,
        FilterInvalid,
        PageTokenInvalid,
        ResumeTokenInvalid,
        RequestIdReused,
        RequestIdSpent,
        RequestUnreadable,
        TranscriptTooLarge,
        ContentRefused,
        JobNotFound,
        ConversationNotFound,
        AnalysisNotFound,
        InsightsNotFound,
        QueueNotFound,
        BatchNotFound,
        BatchNotCancellable,
        BatchNotRetryable,
        BatchNotDeletable,
        BatchNotOpen,
        JobNotCancellable,
        JobNotRetryable,
        JobNotMutable,
        JobNotDeletable,
        QueueDraining,
        DuplicateJob,
        EtagMismatch,
        QueueFull,
        StoreFull,
        WatchTooSlow,
        StoreUnavailable,
        FileStoreUnavailable,
        Draining,
        CredentialsInvalid,
        PermissionMissing,
        TenantNotGranted,
        Internal,
    )
}
