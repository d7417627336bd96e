"""What every error has: words, the way out, and what the server said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from bothsides.jobs import v1 as pb


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


class BadSetting(BothSidesError):
    """What the client was made with cannot be used: an address, a certificate, a token's file."""

    advice = "see the options of `bothsides --help`, or the docstring of Client"


class JobUnsuccessful(BothSidesError):
    """A job that was waited for ended without a result; `job` is its last snapshot."""

    advice = "look at it with `bothsides jobs get`; `bothsides jobs retry` starts it anew"

    def __init__(self, job: pb.Job, state: str) -> None:
        why = f": {job.last_error.reason}: {job.last_error.message}" if job.HasField("last_error") else ""
        super().__init__(f"job {job.job_id!r} ended {state}{why}")
        self.job = job


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One wrong field of a request, or one broken condition."""

    #: Path in the request, such as `conversation.turns[3].text`; else the subject, such as `queues/exports`.
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
    #: google.rpc.ErrorInfo.reason of the errors of this class; "" for classes that stand for a code.
    REASON: ClassVar[str] = ""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message or f"the call ended with {failure.code}")
        self.code = failure.code
        self.reason = failure.reason
        self.message = str(self)
        self.field_violations = failure.field_violations
        self.retry_after_s = failure.retry_after_s
        self.metadata: Mapping[str, str] = failure.metadata or {}
