"""Every error that the client raises, as one tree.

    BothSidesError
    ├── TranscriptError         a file is no transcript; names the line
    ├── BadSetting              an address, a certificate or a token's file cannot be used
    ├── JobUnsuccessful         a job that was waited for has no result; carries the job
    └── RequestFailed           a call did not succeed; carries what the server said
        ├── InvalidRequest      INVALID_ARGUMENT, OUT_OF_RANGE
        │   ├── ContentRefused, FieldInvalid, FilterInvalid, PageTokenInvalid, RequestIdReused,
        │   │   RequestIdSpent
        │   └── RequestUnreadable, ResumeTokenInvalid, TranscriptTooLarge
        ├── NotFound            NOT_FOUND
        │   └── AnalysisNotFound, BatchNotFound, ConversationNotFound, InsightsNotFound, JobNotFound,
        │       QueueNotFound
        ├── AlreadyExists       ALREADY_EXISTS
        │   └── DuplicateJob
        ├── PreconditionFailed  FAILED_PRECONDITION
        │   ├── BatchNotCancellable, BatchNotDeletable, BatchNotOpen, BatchNotRetryable
        │   └── JobNotCancellable, JobNotDeletable, JobNotMutable, JobNotRetryable, QueueDraining
        ├── Aborted             ABORTED
        │   └── EtagMismatch
        ├── Unauthenticated     UNAUTHENTICATED
        │   └── CredentialsInvalid
        ├── PermissionDenied    PERMISSION_DENIED
        │   └── PermissionMissing, TenantNotGranted
        ├── ResourceExhausted   RESOURCE_EXHAUSTED
        │   └── QueueFull, StoreFull, WatchTooSlow
        ├── Unsupported         UNIMPLEMENTED
        ├── Unavailable         UNAVAILABLE
        │   └── Draining, FileStoreUnavailable, StoreUnavailable
        ├── DeadlineExceeded    DEADLINE_EXCEEDED
        ├── Cancelled           CANCELLED
        └── ServerFault         INTERNAL, UNKNOWN, DATA_LOSS
            └── Internal

Each says what happened and, in `advice`, the way out. The leaves stand for the reasons of docs/errors.md; a
reason that this version does not know is the error of its code. This package needs no gRPC, so that a program
can name the errors without paying for the import; `statuses` makes them from a call.
"""

from __future__ import annotations

from bothsides_client.errors.base import (
    BadSetting,
    BothSidesError,
    Failure,
    FieldViolation,
    JobUnsuccessful,
    RequestFailed,
    TranscriptError,
)
from bothsides_client.errors.by_code import (
    BY_CODE,
    Aborted,
    AlreadyExists,
    Cancelled,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    ResourceExhausted,
    ServerFault,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from bothsides_client.errors.by_reason import (
    BY_REASON,
    AnalysisNotFound,
    BatchNotCancellable,
    BatchNotDeletable,
    BatchNotFound,
    BatchNotOpen,
    BatchNotRetryable,
    ContentRefused,
    ConversationNotFound,
    CredentialsInvalid,
    Draining,
    DuplicateJob,
    EtagMismatch,
    FieldInvalid,
    FileStoreUnavailable,
    FilterInvalid,
    InsightsNotFound,
    Internal,
    JobNotCancellable,
    JobNotDeletable,
    JobNotFound,
    JobNotMutable,
    JobNotRetryable,
    PageTokenInvalid,
    PermissionMissing,
    QueueDraining,
    QueueFull,
    QueueNotFound,
    RequestIdReused,
    RequestIdSpent,
    RequestUnreadable,
    ResumeTokenInvalid,
    StoreFull,
    StoreUnavailable,
    TenantNotGranted,
    TranscriptTooLarge,
    WatchTooSlow,
)


def error_for(failure: Failure) -> RequestFailed:
    """Return the error of the tree that fits the failure's reason; else the one that fits its code."""
    of_code = BY_CODE.get(failure.code, RequestFailed)
    of_reason = BY_REASON.get(failure.reason, of_code)
    return (of_reason if issubclass(of_reason, of_code) else of_code)(failure)


__all__ = [
    "BY_CODE",
    "BY_REASON",
    "Aborted",
    "AlreadyExists",
    "AnalysisNotFound",
    "BadSetting",
    "BatchNotCancellable",
    "BatchNotDeletable",
    "BatchNotFound",
    "BatchNotOpen",
    "BatchNotRetryable",
    "BothSidesError",
    "Cancelled",
    "ContentRefused",
    "ConversationNotFound",
    "CredentialsInvalid",
    "DeadlineExceeded",
    "Draining",
    "DuplicateJob",
    "EtagMismatch",
    "Failure",
    "FieldInvalid",
    "FieldViolation",
    "FileStoreUnavailable",
    "FilterInvalid",
    "InsightsNotFound",
    "Internal",
    "InvalidRequest",
    "JobNotCancellable",
    "JobNotDeletable",
    "JobNotFound",
    "JobNotMutable",
    "JobNotRetryable",
    "JobUnsuccessful",
    "NotFound",
    "PageTokenInvalid",
    "PermissionDenied",
    "PermissionMissing",
    "PreconditionFailed",
    "QueueDraining",
    "QueueFull",
    "QueueNotFound",
    "RequestFailed",
    "RequestIdReused",
    "RequestIdSpent",
    "RequestUnreadable",
    "ResourceExhausted",
    "ResumeTokenInvalid",
    "ServerFault",
    "StoreFull",
    "StoreUnavailable",
    "TenantNotGranted",
    "TranscriptError",
    "TranscriptTooLarge",
    "Unauthenticated",
    "Unavailable",
    "Unsupported",
    "WatchTooSlow",
    "error_for",
]
