"""Group commit of what single calls need: what comes while a script is under way shares the next one.

What comes alone waits for no one; under load a script and its round trip serve many calls (DeWitt et al.
1984). Where many were there at once a moment ago, the next script waits a little for as many: those that
are answered mostly come again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

Item = TypeVar("Item")
T = TypeVar("T")
_Waiting: TypeAlias = "tuple[Item, asyncio.Future[T]]"

#: How long a run waits for as many as were there at once lately (s). A call takes a busy server half a
#: millisecond, so that seven or eight share a run.
LINGER_S: Final = 0.003
#: So few are not waited for: they would wait for longer than what that spares.
FEW: Final = 6


class Batches(Generic[Item, T]):
    """Gathers items by a key, such as their queue.

    Args:
        run: Does what there is to do for items of one key; returns the outcome of each, in order.
        most: The most items of one run.
        linger_s: How long a run waits at most for others.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[T]]],
        most: int,
        *,
        linger_s: float = LINGER_S,
    ) -> None:
        self._run = run
        self._most = most
        self._linger_s = linger_s
        #: By key: those who wait while a run is under way, or about to be.
        self._lines: dict[str, _Line[Item, T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(self, key: str, item: Item) -> T:
        """Run an item with those of its key that come at the same time; return its outcome.

        A caller who is cancelled takes the item back only if no run has it yet.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = line = _Line(self._most, self._linger_s)
            task = asyncio.create_task(self._work(key, line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        line.join(item, future)
        return await future

    async def _work(self, key: str, line: _Line[Item, T]) -> None:
        """Run until no one waits."""
        while batch := await line.next_batch():
            try:
                outcomes = await self._run([item for item, _ in batch])
            except Exception as error:
                _fail(batch, error)
            else:
                _settle(batch, outcomes)
        del self._lines[key]


class _Line(Generic[Item, T]):
    """Those of one key: who waits for the next run, and how many are in the one that is under way."""

    def __init__(self, most: int, linger_s: float) -> None:
        self._most = most
        self._linger_s = linger_s
        self._waiting: deque[_Waiting[Item, T]] = deque()
        self._under_way = 0
        #: How many were there at once lately.
        self._crowd = 0
        #: Settled when enough wait, while that is awaited.
        self._enough: asyncio.Future[None] | None = None

    def join(self, item: Item, future: asyncio.Future[T]) -> None:
        self._waiting.append((item, future))
        self._crowd = max(self._crowd, self._under_way + len(self._waiting))
        if self._enough is not None and len(self._waiting) >= min(self._crowd, self._most):
            _ring(self._enough)

    async def next_batch(self) -> list[_Waiting[Item, T]]:
        """Return who is to be in the next run, those who have left aside; no one if no one is there."""
        batch: list[_Waiting[Item, T]] = []
        self._under_way = 0
        while not batch:
            if len(self._waiting) < min(self._crowd, self._most) and self._crowd > FEW:
                await self._linger()
            if not self._waiting:
                break
            taken = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            batch = [(item, future) for item, future in taken if not future.done()]
        self._under_way = len(batch)
        return batch

    async def _linger(self) -> None:
        loop = asyncio.get_running_loop()
        self._enough = loop.create_future()
        timer = loop.call_later(self._linger_s, _ring, self._enough)
        try:
            await self._enough
        finally:
            self._enough = None
            timer.cancel()
        self._crowd = len(self._waiting)


def _ring(bell: asyncio.Future[None]) -> None:
    if not bell.done():
        bell.set_result(None)


def _settle(batch: Sequence[_Waiting[Item, T]], outcomes: Sequence[T]) -> None:
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if not future.done():
            future.set_result(outcome)


def _fail(batch: Sequence[_Waiting[Item, T]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
