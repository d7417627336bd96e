"""What waits to be told to one watch of many jobs: bounded, in order, with only progress ever dropped."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from common.errors import JobsError
from common.job.ids import JobId
from scheduler.watch.batch import Batch
from scheduler.watch.position import Position
from scheduler.watch.subscription import FellBehind

#: Events by which a watch of many jobs may fall behind: a second or two of a busy scheduler. What waits is
#: shared between the watches, so that it takes its space once.
MAX_EVENTS: Final = 50_000
#: The same in bytes. A single batch always fits.
MAX_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Passed:
    """What a queue told up to a position is not known."""

    position: Position
    epoch: str


class Lane:
    """One queue's way into an inbox."""

    def __init__(self, queue: str, inbox: Inbox) -> None:
        self.queue = queue
        self._inbox = inbox
        #: Whether events are taken in. Until then the watch reads them from the stream itself.
        self.is_live = False

    def offer(self, batch: Batch) -> None:
        """Add the events of one script."""
        if self.is_live:
            self._inbox.add(self, batch)

    def skip(self, position: Position, epoch: str) -> None:
        """Note that events were passed over."""
        self._inbox.add(self, Passed(position, epoch))

    def close(self, error: JobsError) -> None:
        """End the watch: what waits is still taken, then `error` is raised."""
        self._inbox.close(error)


class _Place:
    """A place in the line. Progress leaves it when newer progress of its job comes."""

    __slots__ = ("item", "lane")

    def __init__(self, lane: Lane, item: Batch | Passed | None) -> None:
        self.lane = lane
        self.item = item


class Inbox:
    """Between the feeds of some queues and one watch.

    Args:
        max_events: More of them may not wait.
        max_bytes: Of what waits.
    """

    def __init__(self, *, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._line: deque[_Place] = deque()
        #: The place of a job's progress, if that waits.
        self._progress: dict[JobId, _Place] = {}
        self._left = 0
        self._events = 0
        self._bytes = 0
        self._fell_behind = False
        self._closed: JobsError | None = None
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return self._events

    def add(self, lane: Lane, item: Batch | Passed) -> None:
        """Put something at the end of the line."""
        if self._fell_behind:
            return
        place = _Place(lane, item)
        if isinstance(item, Batch):
            job_id = item.reports
            if job_id is not None:
                self._forget_progress(job_id)
                self._progress[job_id] = place
            self._events += item.count
            self._bytes += item.size_bytes
        self._line.append(place)
        over = self._events > self._max_events or self._bytes > self._max_bytes
        if over and len(self._line) - self._left > 1:
            self._fall_behind()
        self._news.set()

    def close(self, error: JobsError) -> None:
        """End the watch: what waits is still taken, then `error` is raised."""
        self._closed = error
        self._news.set()

    def clear(self) -> None:
        """Drop what waits."""
        self._line.clear()
        self._progress.clear()
        self._left = self._events = self._bytes = 0

    def poke(self) -> None:
        """Wake the watch though nothing happened."""
        self._news.set()

    async def wait(self, timeout_s: float) -> None:
        """Return when something waits, or was poked.

        Raises:
            TimeoutError: Nothing happened for so long.
            FellBehind: More waited than is kept.
            JobsError: A feed ended.
        """
        if not self._line:
            if self._fell_behind:
                raise FellBehind
            if self._closed is not None:
                raise self._closed
            if not self._news.is_set():
                try:
                    async with asyncio.timeout(timeout_s):
                        await self._news.wait()
                except TimeoutError:
                    # Something may have come since the time was up. Who hears that nothing did stands where
                    # the feeds are, which is behind that.
                    if not self._news.is_set():
                        raise
        self._news.clear()

    def take(self, events: int, size_bytes: int) -> Iterator[tuple[Lane, Batch | Passed]]:
        """Yield what waits, in order, until it makes up so many events or bytes, or more."""
        taken = taken_bytes = 0
        while self._line and taken < events and taken_bytes < size_bytes:
            place = self._line.popleft()
            item = place.item
            if item is None:
                self._left -= 1
                continue
            if isinstance(item, Batch):
                taken += item.count
                taken_bytes += item.size_bytes
                self._drop(item)
                job_id = item.reports
                if job_id is not None and self._progress.get(job_id) is place:
                    del self._progress[job_id]
            yield place.lane, item

    def _forget_progress(self, job_id: JobId) -> None:
        place = self._progress.pop(job_id, None)
        if place is None or not isinstance(place.item, Batch):
            return
        self._drop(place.item)
        place.item = None
        self._left += 1
        if 2 * self._left > len(self._line) > self._max_events:
            self._line = deque(kept for kept in self._line if kept.item is not None)
            self._left = 0

    def _drop(self, batch: Batch) -> None:
        self._events -= batch.count
        self._bytes -= batch.size_bytes

    def _fall_behind(self) -> None:
        self._fell_behind = True
        self.clear()
