"""Follow a stream to its end across lost connections, restarts and replicas.

A watch ends when its end was seen, not when a connection ended: after UNAVAILABLE, or a stream that
closes early, it is opened again with the token of the last message that was handed on, so that nothing
is handed on twice and nothing is left out. It refuses to go on for ever without hearing anything:
after `Reconnect.patience_s` it raises what the last attempt ended with.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import grpc

from bothsides.jobs import v1 as pb
from bothsides_client.errors import Cancelled, Failure, RequestFailed, ResourceExhausted, Unavailable
from bothsides_client.statuses import error_from_call

Message = TypeVar("Message")
Message_co = TypeVar("Message_co", covariant=True)


class Stream(Protocol[Message_co]):
    """A call that is being answered: its messages, and a way to leave it."""

    def __iter__(self) -> Iterator[Message_co]: ...

    def cancel(self) -> object: ...


#: States that a job leaves only by a person's retry.
FINAL_STATES: Final = frozenset({pb.Job.SUCCEEDED, pb.Job.FAILED, pb.Job.CANCELLED, pb.Job.EXPIRED})

#: ErrorInfo.reason of a watch that the server closed because it was read too slowly.
_TOO_SLOW: Final = "WATCH_TOO_SLOW"


@dataclass(frozen=True, slots=True)
class Reconnect:
    """How a watch waits before it connects again: exponential with full jitter.

    The pause before attempt n is uniform in [0, min(max_s, min_s · 2^n)], after "Exponential Backoff
    And Jitter" (AWS Architecture Blog, 2015).
    """

    min_s: float = 0.1
    max_s: float = 5.0
    #: How long to go on without hearing anything before giving up.
    patience_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    now_s: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random

    def pause_s(self, failures: int) -> float:
        """Return how long to wait after that many failures in a row, from 1."""
        return self.random() * min(self.max_s, self.min_s * 2.0 ** min(failures, 30))


def watch_job(
    open_stream: Callable[[str], Stream[pb.WatchJobResponse]],
    *,
    resume_token: str,
    reconnect: Reconnect,
    peer: str,
) -> Iterator[pb.WatchJobResponse]:
    """Yield every message of a job's watch, once, until the snapshot with its final state.

    Args:
        open_stream: Starts WatchJob after the given token ("" for a new watch).
        resume_token: Where to begin.
        reconnect: How to wait in between.
        peer: Who is watched, for errors.

    Raises:
        RequestFailed: The server refused, or stayed away for longer than the patience.
    """
    token = resume_token
    ended = False

    def remember(message: pb.WatchJobResponse) -> None:
        nonlocal token, ended
        token = message.resume_token or token
        ended = message.WhichOneof("event") == "snapshot" and message.snapshot.state in FINAL_STATES

    yield from _follow(
        lambda: open_stream(token), remember, is_over=lambda: ended, reconnect=reconnect, peer=peer
    )


def watch_for_ever(
    open_stream: Callable[[], Stream[Message]], *, reconnect: Reconnect, peer: str
) -> Iterator[Message]:
    """Yield every message of a stream that has no end and no token, such as WatchHealth.

    After a lost connection it begins with the present state again.
    """
    yield from _follow(
        open_stream, lambda message: None, is_over=lambda: False, reconnect=reconnect, peer=peer
    )


def _follow(
    open_stream: Callable[[], Stream[Message]],
    remember: Callable[[Message], None],
    *,
    is_over: Callable[[], bool],
    reconnect: Reconnect,
    peer: str,
) -> Iterator[Message]:
    failures = 0
    silent_since_s = reconnect.now_s()
    while True:
        stream = open_stream()
        ending: RequestFailed
        try:
            for message in stream:
                failures = 0
                remember(message)
                yield message
                if is_over():
                    return
                silent_since_s = reconnect.now_s()
            ending = Unavailable(Failure("UNAVAILABLE", "", f"the {peer} closed the watch before its end"))
        except grpc.RpcError as error:
            ending = error_from_call(error, peer=peer)
            if not _is_worth_resuming(ending):
                raise ending from error
        finally:
            stream.cancel()  # harmless when it has ended; frees the server when the reader left
        failures += 1
        if reconnect.now_s() - silent_since_s >= reconnect.patience_s:
            raise ending
        reconnect.sleep(max(reconnect.pause_s(failures), ending.retry_after_s or 0.0))


def _is_worth_resuming(ending: RequestFailed) -> bool:
    """A server that stops cancels its streams, or drops them; a slow watch is told to come again."""
    match ending:
        case Unavailable() | Cancelled():
            return True
        case ResourceExhausted(reason=reason):
            return reason == _TOO_SLOW
    return False
