"""An error for each gRPC code: enough to decide what kind of thing went wrong."""

from __future__ import annotations

from collections.abc import Mapping

from bothsides_client.errors.base import RequestFailed


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
