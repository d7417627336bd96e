"""How far a watch of many jobs has come in one queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from common.store.events import Event
from scheduler.watch.batch import Batch
from scheduler.watch.feeds import Watched
from scheduler.watch.inbox import Lane, Passed
from scheduler.watch.judge import Judge
from scheduler.watch.places import Place
from scheduler.watch.position import ORIGIN
from scheduler.watch.stream import READ_ENTRIES, PositionLost


class Course:
    """One queue of a watch; to be used while its lane is followed by the queue's feed."""

    def __init__(self, watched: Watched, lane: Lane, judge: Judge) -> None:
        self.lane = lane
        self.judge = judge
        self._watched = watched
        #: After the last event that was told, or was no matter.
        self.position = ORIGIN
        self.epoch = ""

    @property
    def queue(self) -> str:
        return self.lane.queue

    @property
    def place(self) -> Place:
        return Place(self.position, self.epoch)

    def begin(self, place: Place | None = None) -> None:
        """Stand at a place; None: before everything that the queue ever told.

        Raises:
            PositionLost: The place is in another history.
        """
        feed = self._watched.feed
        self.lane.is_live = False
        self.position, self.epoch = ORIGIN, feed.epoch
        if place is not None:
            if place.epoch != feed.epoch:
                raise PositionLost
            self.position = place.position

    def skip_to_now(self, passed: Passed | None = None) -> None:
        """Stand where the feed is, or where it said that something was passed over."""
        feed = self._watched.feed
        self.position = feed.position if passed is None else passed.position
        self.epoch = feed.epoch if passed is None else passed.epoch

    def beat(self) -> None:
        """Stand where the feed is, as nothing waits to be told."""
        if self.lane.is_live:
            self.position = max(self.position, self._watched.feed.position)

    async def missed(self) -> AsyncIterator[Sequence[Batch]]:
        """Yield what the stream holds beyond the position, up to its end, or nearly.

        The position has to be moved behind each page before the next is asked for.

        Raises:
            PositionLost: The stream was trimmed.
        """
        while True:
            page = await self._watched.stream.page(self.position)
            yield page
            if len(page) < READ_ENTRIES:
                return

    async def go_live(self) -> AsyncIterator[Sequence[Batch]]:
        """From now on take what the feed offers; yield what lies in between, as `missed`."""
        self.lane.is_live = True
        until = self._watched.feed.position
        while self.position < until:
            page = await self._watched.stream.page(self.position, until)
            yield page
            if len(page) < READ_ENTRIES:
                return

    def fresh(self, batch: Batch) -> Iterator[tuple[int, Event]]:
        """Yield the events of a batch that stand behind the position, each with its line.

        Raises:
            UnreadableEntry: The entry does not follow the format.
        """
        if batch.position <= self.position:
            return
        events = batch.read()
        first = self.position.line + 1 if batch.at(0).entry_id == self.position.entry_id else 0
        for line in range(first, len(events)):
            yield line, events[line]
