"""Group commit of single jobs: those that come while a script of their queue is under way share the next one.

A job that comes alone waits for no one; under load a script and its round trip serve many calls
(DeWitt et al. 1984).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

from common.job.model import JobRequest

T = TypeVar("T")
_Batch: TypeAlias = "Sequence[tuple[JobRequest, asyncio.Future[T]]]"


class Intake(Generic[T]):
    """Gathers jobs by queue.

    Args:
        submit: Submits jobs of one queue and returns the outcome of each, in order.
        most: The most jobs of one call of `submit`.
    """

    def __init__(self, submit: Callable[[Sequence[JobRequest]], Awaitable[Sequence[T]]], most: int) -> None:
        self._submit = submit
        self._most = most
        #: By queue: the jobs that wait for the script that is under way.
        self._waiting: dict[str, deque[tuple[JobRequest, asyncio.Future[T]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(self, request: JobRequest) -> T:
        """Submit a job with those of its queue that come at the same time; return its outcome.

        A caller who is cancelled takes the job back only if no script has it yet.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(request.queue)
        if waiting is None:
            self._waiting[request.queue] = waiting = deque()
            task = asyncio.create_task(self._work(request.queue, waiting))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        waiting.append((request, future))
        return await future

    async def _work(self, queue: str, waiting: deque[tuple[JobRequest, asyncio.Future[T]]]) -> None:
        """Submit until no one waits."""
        while waiting:
            taken = [waiting.popleft() for _ in range(min(self._most, len(waiting)))]
            batch = [(request, future) for request, future in taken if not future.done()]
            try:
                outcomes = await self._submit([request for request, _ in batch]) if batch else []
            except Exception as error:
                _fail(batch, error)
            else:
                _settle(batch, outcomes)
        del self._waiting[queue]


def _settle(batch: _Batch[T], outcomes: Sequence[T]) -> None:
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if not future.done():
            future.set_result(outcome)


def _fail(batch: _Batch[T], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
