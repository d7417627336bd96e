"""The calls of each job that are at the provider: who ends a job waits for them, as they are paid for."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class UnderWay:
    """Calls of one process, by job."""

    def __init__(self) -> None:
        self._calls: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)

    @contextmanager
    def one(self, job_id: str) -> Iterator[None]:
        """Count a call as under way until the block ends."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._calls[job_id].add(ended)
        try:
            yield
        finally:
            ended.set_result(None)
            self._calls[job_id].discard(ended)
            if not self._calls[job_id]:
                del self._calls[job_id]

    async def wait(self, job_id: str) -> None:
        """Wait for the end of those that are under way now."""
        if calls := self._calls.get(job_id):
            await asyncio.wait(tuple(calls))
