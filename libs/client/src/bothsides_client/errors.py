"""Every error that the client raises, as one tree.

    BothSidesError
    ├── TranscriptError         a file is no transcript; names the line
    └── RequestFailed           a call did not succeed; carries what the server said
        ├── InvalidRequest      INVALID_ARGUMENT, OUT_OF_RANGE
        ├── NotFound            NOT_FOUND
        ├── AlreadyExists       ALREADY_EXISTS
        ├── PreconditionFailed  FAILED_PRECONDITION
        ├── Aborted             ABORTED
        ├── Unauthenticated     UNAUTHENTICATED
        ├── PermissionDenied    PERMISSION_DENIED
        ├── ResourceExhausted   RESOURCE_EXHAUSTED
        ├── Unsupported         UNIMPLEMENTED
        ├── Unavailable         UNAVAILABLE
        ├── DeadlineExceeded    DEADLINE_EXCEEDED
        ├── Cancelled           CANCELLED
        └── ServerFault         INTERNAL, UNKNOWN, DATA_LOSS

Each says what happened and, in `advice`, the way out. This module needs no gRPC, so that a program
can name the errors without paying for the import; `statuses` makes them from a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


class BothSidesError(Exception):
    """Anything that this library raises on purpose."""

    #: What to do about it, for people.
    advice: ClassVar[str] = ""


class TranscriptError(BothSidesError):
    """A file could not be read as a transcript. Never quotes the text, since transcripts are private.

    `line` counts from 1; it is 0 when the whole file is meant.
    """

    def __init__(self, path: str, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")
        self.path = path
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One wrong field of a request."""

    #: Path in the request, such as `conversation.turns[3].text`.
    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What a call ended with: google.rpc.Status and its details, decoded."""

    #: Name of the gRPC code, such as "NOT_FOUND".
    code: str
    #: google.rpc.ErrorInfo.reason, a constant to rely on; "" when the server gave none.
    reason: str
    message: str
    field_violations: tuple[FieldViolation, ...] = ()
    #: When to try again, if the server said; None if it did not.
    retry_after_s: float | None = None
    #: google.rpc.ErrorInfo.metadata, with `resource_type` and `resource_name` of google.rpc.ResourceInfo.
    metadata: Mapping[str, str] | None = None


class RequestFailed(BothSidesError):
    """A call ended with another code than OK."""

    advice: ClassVar[str] = "try again; if it stays, look at the server's log"

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message or f"the call ended with {failure.code}")
        self.code = failure.code
        self.reason = failure.reason
        self.message = str(self)
        self.field_violations = failure.field_violations
        self.retry_after_s = failure.retry_after_s
        self.metadata: Mapping[str, str] = failure.metadata or {}


class InvalidRequest(RequestFailed):
    """A field of the request is wrong; repeating the call will not help."""

    advice = "correct the named fields"


class NotFound(RequestFailed):
    """The named thing does not exist, or belongs to another tenant."""

    advice = "check the id; finished jobs are removed after their retention"


class AlreadyExists(RequestFailed):
    """Something of that name exists."""

    advice = "choose another name"


class PreconditionFailed(RequestFailed):
    """The state of the thing does not allow this."""

    advice = "look at its state with `bothsides jobs get`"


class Aborted(RequestFailed):
    """Another call changed the same thing at the same time."""

    advice = "read it again and repeat the call"


class Unauthenticated(RequestFailed):
    """The token is missing, wrong or expired."""

    advice = "pass a valid token with --token or BOTHSIDES_TOKEN"


class PermissionDenied(RequestFailed):
    """The token does not carry the role that this call needs."""

    advice = "use a token with the role that the message names"


class ResourceExhausted(RequestFailed):
    """A limit is reached: a full queue, a full store, a message that is too large."""

    advice = "try again later"


class Unsupported(RequestFailed):
    """The server does not know this call."""

    advice = "check that the address is that of the right service, and its version"


class Unavailable(RequestFailed):
    """The service does not answer."""

    advice = "start it with `bothsides up`, or name another address with --scheduler or --monitor"


class DeadlineExceeded(RequestFailed):
    """The service did not answer in time."""

    advice = "look at `bothsides health`, then try again; a create with the same request id is safe to repeat"


class Cancelled(RequestFailed):
    """The call was cancelled before it ended."""

    advice = "repeat the call if its answer is still wanted"


class ServerFault(RequestFailed):
    """The server failed in a way that it did not foresee."""

    advice = "report it with the id in the message, which is in the server's log"


BY_CODE: Mapping[str, type[RequestFailed]] = {
    "INVALID_ARGUMENT": InvalidRequest,
    "OUT_OF_RANGE": InvalidRequest,
    "NOT_FOUND": NotFound,
    "ALREADY_EXISTS": AlreadyExists,
    "FAILED_PRECONDITION": PreconditionFailed,
    "ABORTED": Aborted,
    "UNAUTHENTICATED": Unauthenticated,
    "PERMISSION_DENIED": PermissionDenied,
    "RESOURCE_EXHAUSTED": ResourceExhausted,
    "UNIMPLEMENTED": Unsupported,
    "UNAVAILABLE": Unavailable,
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "CANCELLED": Cancelled,
    "INTERNAL": ServerFault,
    "UNKNOWN": ServerFault,
    "DATA_LOSS": ServerFault,
}


def error_for(failure: Failure) -> RequestFailed:
    """Return the error of the tree that fits the failure's code."""
    return BY_CODE.get(failure.code, RequestFailed)(failure)
