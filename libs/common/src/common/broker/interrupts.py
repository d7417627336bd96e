"""The interrupts of plain actors: exceptions raised in a thread while it runs a job's code, and never after.

They are asynchronous, as that of Dramatiq's TimeLimit: they come between two steps of Python code, so that a
call which blocks in C ends first. What differs is the hand-over. A job's thread and the one that strikes it
share a token, and who takes it decides. The striker raises only with the token in hand, and never gives it
back. The job's thread takes it when the code has returned, before any hook; if it is gone, the thread waits
for what was raised. So nothing is raised in a hook, in an acknowledgement, or in the next job.

What is raised in a finalizer, or in the callback of a weak reference, goes no further than that: Python
prints it and goes on. Such an interrupt is not printed; the token goes back, and the thread is struck again.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final

from dramatiq.middleware.threading import Interrupt, raise_thread_exception

#: Code that takes a lock and only then enters the block that releases it: an exception between the two would
#: leave the lock taken for good. Nothing is raised while such code is under way.
_DELICATE: Final = frozenset(
    {"logging", "logging.handlers", "importlib._bootstrap", "_frozen_importlib", "_weakrefset", __name__}
)
#: The same of functions: a condition's lock is taken by one, and the block that gives it back follows.
_WHOLE: Final = frozenset({"__enter__", "__exit__", "__del__"})


class JobInterrupt(Interrupt):
    """Raised in the code of a plain actor, to end it. Clean up in `finally`, and let it through."""


class CancelInterrupt(JobInterrupt):
    """Somebody cancelled the job."""


class TimeLimitInterrupt(JobInterrupt):
    """The attempt ran longer than its time limit."""


class LeaseLostInterrupt(JobInterrupt):
    """The job's lease is lost: nothing that the attempt does counts any more."""


class ShutdownInterrupt(JobInterrupt):
    """The worker shuts down, and its grace is over; another one will run the job."""


class Guard:
    """The token of one attempt, and who may have it.

    As a context, it keeps the token for the block, so that nothing is raised in the middle of it; on other
    threads than the job's it does nothing, since those are never struck.
    """

    __slots__ = ("_depth", "_missed", "_strikes", "_thread_id", "_token")

    def __init__(self, thread_id: int) -> None:
        self._thread_id = thread_id
        self._token: list[None] = []
        #: How often something was raised, and how often that went no further than a finalizer.
        self._strikes = self._missed = 0
        self._depth = 0

    @property
    def _struck(self) -> bool:
        return self._strikes > self._missed

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Call a function in which an interrupt may be raised, on this thread, whose identifier it has.

        Raises:
            JobInterrupt: It was struck. Nothing comes after that.
        """
        # From here on the thread may be struck anywhere. It holds nothing that would have to be given back.
        _guards[self._thread_id] = self
        token = self._token
        token.append(None)
        try:
            value = function(*args, **kwargs)
        except BaseException:
            self._take()
            _guards.pop(self._thread_id, None)
            raise
        try:
            token.pop()
        except IndexError:
            self._take()
        _guards.pop(self._thread_id, None)
        return value

    def strike(self, kind: type[JobInterrupt]) -> bool:
        """Raise an exception in the job's thread. Return whether that was done, now or before."""
        try:
            self._token.pop()
        except IndexError:
            return self._struck
        if not _may_be_struck(self._thread_id):
            self._token.append(None)
            return False
        try:
            raise_thread_exception(self._thread_id, kind)
        finally:
            self._strikes += 1
        return True

    def miss(self) -> None:
        """Have what was raised raised again, as it went no further than a finalizer; on the job's thread."""
        if self._token or self._depth:
            return  # it was the job's own, raised by no striker
        while not self._struck:  # who struck is about to say so
            time.sleep(0)
        self._missed += 1
        self._token.append(None)

    def __enter__(self) -> None:
        if threading.get_ident() == self._thread_id:
            if self._depth == 0:
                self._take()
            self._depth += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if threading.get_ident() == self._thread_id:
            self._depth -= 1
            if self._depth == 0 and not self._struck:
                self._token.append(None)

    def _take(self) -> None:
        """Take the token; if it went to who strikes, let what was raised come up here at the latest."""
        while True:
            try:
                self._token.pop()
            except IndexError:
                over = self._struck
                # Having waited, a thread looks for what others raised in it.
                time.sleep(0)
                if over:
                    return
            else:
                return


#: By thread: the guard of what it runs.
_guards: Final[dict[int, Guard]] = {}
_print_unraisable: Callable[[sys.UnraisableHookArgs], object] | None = None


def raise_missed_again() -> None:
    """Have interrupts raised again that came up where they go no further. Once for a process."""
    global _print_unraisable
    if _print_unraisable is None:
        _print_unraisable = sys.unraisablehook
        sys.unraisablehook = _on_unraisable


def _on_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    guard = _guards.get(threading.get_ident())
    if guard is not None and issubclass(unraisable.exc_type, JobInterrupt):
        guard.miss()
    elif _print_unraisable is not None:
        _print_unraisable(unraisable)


def _may_be_struck(thread_id: int) -> bool:
    """Whether the code of the actor on a thread is not just in something delicate."""
    frame = sys._current_frames().get(thread_id)
    while frame is not None and frame.f_code is not Guard.run.__code__:
        if frame.f_globals.get("__name__") in _DELICATE or frame.f_code.co_name in _WHOLE:
            return False
        frame = frame.f_back
    return True
