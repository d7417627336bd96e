"""What waits to be sent to one watcher: bounded, in order, with only progress ever dropped."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from common.errors import JobsError
from common.job.ids import JobId
from common.store.events import PartMade, Progressed
from scheduler.watch.position import Placed

#: A watcher may fall this far behind.
MAX_WAITING: Final = 1_000
MAX_WAITING_BYTES: Final = 4 * 1024 * 1024
#: What an event takes up, about: without a part, which only events of an older version hold.
_EVENT_BYTES: Final = 500


@dataclass(frozen=True, slots=True)
class Gap:
    """Events between the one before and the one after are not known."""


class FellBehind(Exception):
    """More was waiting than is kept for one watcher; what waited is gone."""


class Subscription:
    """The events of one job, from the feed that offers them to the watch that takes them."""

    def __init__(
        self,
        job_id: JobId,
        *,
        max_waiting: int = MAX_WAITING,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        self.job_id = job_id
        self._max_waiting = max_waiting
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting: deque[Placed | Gap] = deque()
        self._bytes = 0
        self._fell_behind = False
        self._closed: JobsError | None = None
        self._news = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        """Everything that was offered has been taken."""
        return not self._waiting and not self._fell_behind

    def offer(self, placed: Placed) -> None:
        """Add an event. Progress takes the place of progress that still waits right before it."""
        if self._fell_behind:
            return
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, Placed) and isinstance(placed.event, Progressed) and _supersedes(placed, last):
            self._waiting[-1] = placed
            return
        self._bytes += _size_of(placed)
        self._add(placed)

    def skip(self) -> None:
        """Note that events were missed here."""
        if not self._fell_behind:
            self._add(Gap())

    def close(self, error: JobsError) -> None:
        """End the subscription from the feed's side: what waits is still taken, then `error` is raised."""
        self._closed = error
        self._news.set()

    async def next(self) -> Placed | Gap:
        """Return what comes next, waiting for it.

        Raises:
            FellBehind: More than the limit was waiting.
            JobsError: The feed ended.
        """
        while not self._waiting:
            if self._fell_behind:
                raise FellBehind
            if self._closed is not None:
                raise self._closed
            self._news.clear()
            await self._news.wait()
        item = self._waiting.popleft()
        if isinstance(item, Placed):
            self._bytes -= _size_of(item)
        return item

    def _add(self, item: Placed | Gap) -> None:
        self._waiting.append(item)
        # A single event always fits, however large its part.
        over = len(self._waiting) > self._max_waiting or self._bytes > self._max_waiting_bytes
        if over and len(self._waiting) > 1:
            self._fell_behind = True
            self._waiting.clear()
            self._bytes = 0
        self._news.set()


def _supersedes(placed: Placed, last: Placed) -> bool:
    return isinstance(last.event, Progressed) and last.event.attempt == placed.event.attempt


def _size_of(placed: Placed) -> int:
    event = placed.event
    return _EVENT_BYTES + (len(event.content.data) if isinstance(event, PartMade) and event.content else 0)
