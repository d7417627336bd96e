"""A few child processes for work that keeps a processor busy, each of which can be killed at any moment.

Every child has a pipe of its own, so killing one can neither lock nor corrupt what another one uses. A call
that is cancelled kills its child at once; its place is filled again in the background. Nothing is retried.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import Any, Final, TypeVar

from analysis_worker.runtime.child import Failed, OutOfMemory, Raised, Reply, Returned, Task
from analysis_worker.runtime.child_process import Call, ChildProcess, PoolClosed
from analysis_worker.runtime.failures import bug
from analysis_worker.runtime.used import Used
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass

T = TypeVar("T")
#: Work that nobody waits for yet lets all pass that come within this (s): less than a model takes to answer.
LATER_S: Final = 2.0
#: Work for which something waits that takes long passes all that came so much before it (s).
SOON_S: Final = -1.0
#: A child that is free goes to who has been there before, if that passes nobody who came so much earlier (s).
KNOWN_S: Final = 0.25
_log = logging.getLogger(__name__)


class Lane:
    """A child process that is held for several calls, so that what one prepared the next one finds."""

    def __init__(
        self, child: ChildProcess, threads: ThreadPoolExecutor, spend: Callable[[Used], None] | None
    ) -> None:
        self.child = child
        self._threads = threads
        self._spend = spend
        self._open: tuple[Call, Future[Reply]] | None = None
        self._last: Future[Reply] | None = None

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Return `function(*args)`, computed in the child; one call at a time.

        Args:
            function: At the top of a module; it, its arguments and its value are pickled.

        Raises:
            AttemptFailed: What the function raised: itself if it was one, INVALID_INPUT for too much memory,
                BUG for anything else and for a crash; TRANSIENT if the child was killed from outside.
            PoolClosed: The pool was closed.
            RuntimeError: The last call has not come to a good end.
        """
        if self._open is not None:
            raise RuntimeError("a lane runs one call at a time, and none after its process has ended")
        call = Call(Task(function, args))
        try:
            asked = self._threads.submit(self.child.ask, call)
        except RuntimeError:  # its threads have ended
            raise PoolClosed from None
        self._open, self._last = (call, asked), asked
        try:
            reply = await asyncio.wrap_future(asked)
        except BaseException:  # cancelled, or the child has ended
            self.child.abandon(call)
            raise
        finally:
            if self._spend is not None and call.used is not None:
                self._spend(call.used)
        if not isinstance(reply, OutOfMemory):
            self._open = None
        return _value(reply, function)

    def leave(self) -> Future[Reply] | None:
        """Hold the child no more. Returns its last call if the process has to be replaced."""
        if self._open is None:
            return self._last if self.child.is_heavy else None
        call, asked = self._open
        self.child.abandon(call)
        return asked


@dataclass(frozen=True, slots=True, order=True)
class _Turn:
    """What waits for a child."""

    #: When it would have its turn (s).
    due_s: float
    came: int
    child: asyncio.Future[ChildProcess] = field(compare=False)
    #: Where it would be done sooner; empty: all are the same to it.
    known: Collection[ChildProcess] = field(compare=False)


class ChildPool:
    """`size` child processes, given out first come first served, unless told otherwise. For one event loop.

    Args:
        memory_bytes: What one call may allocate in a child; 0 for no limit.
        warm: Runs first in every child, to import what calls need.
        now_s: This process's clock.
    """

    def __init__(
        self,
        size: int,
        *,
        memory_bytes: int = 0,
        warm: Callable[[], None] | None = None,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        self._now_s = now_s
        self._children = [
            ChildProcess(f"child-{number}", memory_bytes, warm) for number in range(1, size + 1)
        ]
        #: Longest idle first.
        self._idle: deque[ChildProcess] = deque(self._children)
        #: Nobody waits while one is idle.
        self._waiting: list[_Turn] = []
        self._came = count()
        #: A thread waits on each child; a second one may be replacing it.
        self._threads = ThreadPoolExecutor(2 * size, thread_name_prefix="children")
        self._replacing = 0
        self._closing = False

    def start(self) -> None:
        """Start the processes, so that no call waits for one. Without it, the first calls start them."""
        for child in self._children:
            child.start()

    @property
    def pids(self) -> list[int]:
        """Return the process ids of the children that were started."""
        return [pid for child in self._children if (pid := child.pid) is not None]

    @asynccontextmanager
    async def hold(
        self,
        most: int = 1,
        spend: Callable[[Used], None] | None = None,
        *,
        like: Sequence[Lane] = (),
        after_s: float = 0.0,
    ) -> AsyncIterator[list[Lane]]:
        """Hold at least one child and up to `most`: waits for the first, takes more only if they are idle.

        Args:
            spend: Hears what each call has used, also one that has failed or was cancelled.
            like: Rather take the children of these: they may still have what they prepared.
            after_s: While all are held, those go first who come within this, as LATER_S; below 0, as SOON_S,
                it goes before those who came within it.

        Raises:
            PoolClosed: The pool was closed.
        """
        lanes = [Lane(await self._take(like, after_s), self._threads, spend)]
        while self._idle and len(lanes) < most:
            lanes.append(Lane(self._pick(like), self._threads, spend))
        try:
            yield lanes
        finally:
            for lane in lanes:
                self._release(lane)

    @property
    def idle(self) -> int:
        """How many started children nobody holds or waits for."""
        return len(self._idle) if self.started else 0

    @property
    def busy(self) -> int:
        """How many children are held."""
        return len(self._children) - len(self._idle) - self._replacing

    @property
    def all_held(self) -> bool:
        """Work holds every child."""
        return self.busy == len(self._children)

    @property
    def alive(self) -> int:
        """How many children have a process."""
        return sum(child.is_alive for child in self._children)

    @property
    def started(self) -> bool:
        """The children were started, be it by a call that needed one."""
        return any(child.pid is not None for child in self._children)

    def close(self) -> None:
        """Kill all children. Calls that are still waiting end in PoolClosed."""
        self._closing = True
        for child in self._children:
            child.retire()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for child in self._children:
            child.empty()

    async def _take(self, like: Sequence[Lane], after_s: float) -> ChildProcess:
        if self._closing:
            raise PoolClosed
        if self._idle:
            return self._pick(like)
        turn: asyncio.Future[ChildProcess] = asyncio.get_running_loop().create_future()
        known = [lane.child for lane in like]
        self._waiting.append(_Turn(self._now_s() + after_s, next(self._came), turn, known))
        try:
            child = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it had its turn at the same moment
                self._give_back(turn.result())
            raise
        if self._closing:
            self._give_back(child)
            raise PoolClosed
        return child

    def _pick(self, like: Sequence[Lane]) -> ChildProcess:
        known = [lane.child for lane in like]
        child = next((child for child in self._idle if child in known), self._idle[0])
        self._idle.remove(child)
        return child

    def _release(self, lane: Lane) -> None:
        asked = lane.leave()
        if asked is None:
            self._give_back(lane.child)
        else:
            self._replace(lane.child, asked)

    def _give_back(self, child: ChildProcess, replacing: int = 0) -> None:
        """Give a child to who waits for it, or keep it idle."""
        self._replacing += replacing
        self._waiting = [turn for turn in self._waiting if not turn.child.done()]
        if not self._waiting:
            self._idle.append(child)
            return
        turn = first = min(self._waiting)
        if first.known and child not in first.known:
            until_s = first.due_s + KNOWN_S
            others = (each for each in self._waiting if each.due_s <= until_s and child in each.known)
            turn = min(others, default=first)
        self._waiting.remove(turn)
        turn.child.set_result(child)

    def _replace(self, child: ChildProcess, asked: Future[Reply]) -> None:
        """Put a new process in the child's place, off the loop, and then give the place back."""
        loop = asyncio.get_running_loop()
        self._replacing += 1

        def restart() -> None:
            wait([asked])
            child.empty()
            child.start()

        def give_back(restarted: Future[None]) -> None:
            if self._closing:
                return
            if error := restarted.exception():
                _log.error("a child process could not be started: %s", error)
            loop.call_soon_threadsafe(self._give_back, child, -1)

        try:
            self._threads.submit(restart).add_done_callback(give_back)
        except RuntimeError:  # the pool was closed
            self._give_back(child, -1)


def _value(reply: Reply, function: Callable[..., T]) -> T:
    match reply:
        case Returned(value):
            result: T = value
            return result
        case Failed(error_class, reason, message, suggestion):
            raise AttemptFailed(error_class, reason, message, suggestion=suggestion)
        case OutOfMemory():
            raise AttemptFailed(
                ErrorClass.INVALID_INPUT,
                "CHILD_OUT_OF_MEMORY",
                "the work needs more memory than a child process may use",
                suggestion="raise WORKER_CHILD_MEMORY_BYTES, or send less at once",
            )
        case Raised(type_name, frames):
            _log.error("%s in a child process: %s at %s", function.__name__, type_name, "; ".join(frames))
            raise bug(type_name, function.__name__)
