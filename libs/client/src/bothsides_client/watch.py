"""Follow a stream to its end across lost connections, restarts and replicas: decisions only, no calling.

A watch ends when its end was seen, not when a connection ended: after UNAVAILABLE, or a stream that
closes early, it is opened again with the token of the last message that was handed on, so that nothing
is handed on twice and nothing is left out. It refuses to go on for ever without hearing anything:
after `Reconnect.patience_s` it raises what the last attempt ended with. Heartbeats count as hearing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from bothsides_client.call import Watch
from bothsides_client.errors import (
    Cancelled,
    DeadlineExceeded,
    Failure,
    RequestFailed,
    ServerFault,
    Unavailable,
    WatchTooSlow,
    error_for,
)
from bothsides_client.retry import Reconnect

M = TypeVar("M")


class Following(Generic[M]):
    """Where one watch stands, and what follows when its stream ends."""

    def __init__(
        self,
        watch: Watch[M],
        *,
        reconnect: Reconnect,
        peer: str,
        now_s: Callable[[], float],
        timeout_s: float | None = None,
    ) -> None:
        self._watch = watch
        self._reconnect = reconnect
        self._peer = peer
        self._now_s = now_s
        self._deadline_s = None if timeout_s is None else now_s() + timeout_s
        self._token = watch.resume_token
        self._failures = 0
        self._heard_s = now_s()
        #: The last message has come.
        self.is_over = False

    def request(self) -> Message:
        """Return what to open the next stream with."""
        return self._watch.request(self._token)

    def left_s(self) -> float | None:
        """Return how long the next stream may take; None for as long as it likes."""
        return None if self._deadline_s is None else max(0.0, self._deadline_s - self._now_s())

    def take(self, message: Any) -> Iterable[M]:
        """Note a message, and return what the caller sees of it."""
        self._token = self._watch.token(message) or self._token
        self.is_over = self._watch.is_last(message)
        self._failures = 0
        return self._watch.read(message)

    def handed_on(self) -> None:
        """Note that the caller has come back for more; patience counts from here, not from the message."""
        self._heard_s = self._now_s()

    def closed_early(self) -> RequestFailed:
        """Return what it means that the stream ended well before the last message."""
        return error_for(Failure("UNAVAILABLE", "", f"the {self._peer} closed the watch before its end"))

    def pause_s(self, ending: RequestFailed) -> float:
        """Return how long to wait before the next stream.

        Raises:
            RequestFailed: `ending`: the server refused, nothing was heard for too long, or time is up.
        """
        if not _is_worth_resuming(ending):
            raise ending
        self._failures += 1
        pause_s = max(self._reconnect.pause_s(self._failures), ending.retry_after_s or 0.0)
        left_s = self.left_s()
        if self._now_s() - self._heard_s >= self._reconnect.patience_s:
            raise ending
        if left_s is not None and pause_s >= left_s:
            raise DeadlineExceeded(
                Failure("DEADLINE_EXCEEDED", "", f"the {self._peer} did not answer in time")
            ) from ending
        return pause_s


def _is_worth_resuming(ending: RequestFailed) -> bool:
    """A server that stops cancels its streams, or drops them; a slow watch is told to come again.

    INTERNAL without a reason comes from the transport, such as a proxy that resets the stream; the
    platform's own has one.
    """
    match ending:
        case Unavailable() | Cancelled() | WatchTooSlow():
            return True
        case ServerFault(reason=""):
            return True
    return False
