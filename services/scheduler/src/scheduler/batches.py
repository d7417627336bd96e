"""Group commit of what single calls need: what comes while a script is under way shares the next one.

What comes alone waits for no one; under load a script and its round trip serve many calls (DeWitt et al.
1984).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

Item = TypeVar("Item")
T = TypeVar("T")
_Waiting: TypeAlias = "tuple[Item, asyncio.Future[T]]"


class Batches(Generic[Item, T]):
    """Gathers items by a key, such as their queue.

    Args:
        run: Does what there is to do for items of one key; returns the outcome of each, in order.
        most: The most items of one run.
    """

    def __init__(self, run: Callable[[Sequence[Item]], Awaitable[Sequence[T]]], most: int) -> None:
        self._run = run
        self._most = most
        #: By key: the items that wait for the run that is under way.
        self._waiting: dict[str, deque[_Waiting[Item, T]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(self, key: str, item: Item) -> T:
        """Run an item with those of its key that come at the same time; return its outcome.

        A caller who is cancelled takes the item back only if no run has it yet.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = waiting = deque()
            task = asyncio.create_task(self._work(key, waiting))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        waiting.append((item, future))
        return await future

    async def _work(self, key: str, waiting: deque[_Waiting[Item, T]]) -> None:
        """Run until no one waits."""
        while waiting:
            taken = [waiting.popleft() for _ in range(min(self._most, len(waiting)))]
            batch = [(item, future) for item, future in taken if not future.done()]
            try:
                outcomes = await self._run([item for item, _ in batch]) if batch else []
            except Exception as error:
                _fail(batch, error)
            else:
                _settle(batch, outcomes)
        del self._waiting[key]


def _settle(batch: Sequence[_Waiting[Item, T]], outcomes: Sequence[T]) -> None:
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if not future.done():
            future.set_result(outcome)


def _fail(batch: Sequence[_Waiting[Item, T]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
