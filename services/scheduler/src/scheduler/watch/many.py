"""Watching the jobs that match a filter, over all queues that it allows: what happens, packed, without end.

Each queue is followed by a lane. A lane that has missed something first reads the stream itself, up to its
end; from there it takes what the queue's feed offers. Every token holds the place in each queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from time import monotonic
from typing import Final

from common.errors import Draining, InvalidFilter, WatchTooSlow
from scheduler.filters import Filter
from scheduler.watch.batch import Batch, UnreadableEntry
from scheduler.watch.course import Course
from scheduler.watch.feeds import Feeds
from scheduler.watch.inbox import Inbox, Lane, Passed
from scheduler.watch.judge import Judge
from scheduler.watch.packet import Kind, Packet, Told, now_ms
from scheduler.watch.places import Places, PlaceTokens, hash_of
from scheduler.watch.stream import PositionLost
from scheduler.watch.subscription import FellBehind
from scheduler.watch.teller import Line, Teller

#: A message tells of about so many events or bytes at most.
PACK_EVENTS: Final = 250
PACK_BYTES: Final = 1024 * 1024
#: Events that are worth a message at once; fewer wait for others, if the last message is not long ago (s).
WORTH_A_MESSAGE: Final = 50
GATHER_S: Final = 0.005
#: A token has room for no more.
MAX_QUEUES: Final = 200


class JobsWatch:
    """One watch: where it is in each queue, and what it says next.

    Args:
        present: Yields messages' worth of snapshots of the jobs to begin with; None to begin with none.
    """

    def __init__(
        self,
        feeds: Feeds,
        inbox: Inbox,
        wanted: Filter,
        teller: Teller,
        tokens: PlaceTokens,
        present: Callable[[], AsyncIterator[list[Told]]] | None,
        heartbeat_s: float,
    ) -> None:
        self._feeds = feeds
        self._inbox = inbox
        self._wanted = wanted
        self._teller = teller
        self._tokens = tokens
        self._present = present
        self._heartbeat_s = heartbeat_s
        self._courses: dict[str, Course] = {}
        self._known: frozenset[str] = frozenset()
        self._stack = AsyncExitStack()
        self._is_beginning = False
        self._sent_s = 0.0

    async def packets(self, since: Places | None) -> AsyncGenerator[Packet, None]:
        """Yield messages without end: from a place on, or from now.

        Raises:
            WatchTooSlow: The messages were not taken fast enough; its token loses nothing.
            Draining: This replica shuts down; its token goes on elsewhere.
            InvalidFilter: The filter allows more queues than a watch can follow.
        """
        async with self._stack, self._feeds.poking(self._inbox):
            try:
                async for packet in self._run(since):
                    self._sent_s = monotonic()
                    yield packet
            except FellBehind:
                raise WatchTooSlow(self._token()) from None
            except Draining:
                raise Draining(self._token()) from None

    async def _run(self, since: Places | None) -> AsyncIterator[Packet]:
        lost = since is not None and since.is_beginning
        resumes = since is not None and not lost
        while True:
            try:
                first = self._resume(since) if resumes and since is not None else self._begin(lost)
                async for packet in first:
                    yield packet
                async for packet in self._live():
                    yield packet
            except (PositionLost, UnreadableEntry):
                lost, resumes = True, False

    async def _begin(self, lost: bool) -> AsyncIterator[Packet]:
        """Stand at the end of every queue, tell of the jobs that are there, if asked to, and go live."""
        await self._follow_new()
        self._inbox.clear()
        for course in self._courses.values():
            course.skip_to_now()
            course.lane.is_live = self._present is None
        self._is_beginning = self._present is not None
        yield self._packet([], Kind.RESET if lost else Kind.BEAT)
        if self._present is None:
            return
        async for told in self._present():
            yield self._packet(told)
        self._is_beginning = False
        yield self._packet([], Kind.COMPLETE)
        async for packet in self._catch_up(list(self._courses.values())):
            yield packet

    async def _resume(self, since: Places) -> AsyncIterator[Packet]:
        """Tell what has happened since a token was made, and go live."""
        await self._follow_new()
        for course in self._courses.values():
            course.begin(since.of(course.queue))
        async for packet in self._catch_up(list(self._courses.values())):
            yield packet

    async def _live(self) -> AsyncIterator[Packet]:
        """Tell what happens from here on.

        Raises:
            PositionLost: Something was passed over.
        """
        while True:
            try:
                await self._inbox.wait(max(0.0, self._sent_s + self._heartbeat_s - monotonic()))
            except TimeoutError:
                for course in self._courses.values():
                    course.beat()
                yield self._packet([], Kind.BEAT)
                continue
            if self._feeds.names != self._known:
                new = await self._follow_new()
                for course in new:
                    course.begin()  # before all that it ever told
                async for packet in self._catch_up(new):
                    yield packet
            await self._gather()
            batches = list(self._taken())
            async for packet in self._tell(batches):
                yield packet

    async def _catch_up(self, courses: Sequence[Course]) -> AsyncIterator[Packet]:
        """Tell what the streams hold beyond each position, and go live.

        What happens meanwhile is read from the streams too, so that it need not wait in memory for long: each
        is read to its end, and only then, quickly, all once more.
        """
        for course in courses:
            async for page in course.missed():
                async for packet in self._tell([(course, batch) for batch in page]):
                    yield packet
        for course in courses:
            async for page in course.missed():
                async for packet in self._tell([(course, batch) for batch in page]):
                    yield packet
            async for page in course.go_live():
                async for packet in self._tell([(course, batch) for batch in page]):
                    yield packet

    async def _tell(self, batches: Sequence[tuple[Course, Batch]]) -> AsyncIterator[Packet]:
        """Tell of some batches, and stand behind them."""
        lines: list[Line] = []
        plain = self._teller.changes(batches, 2 * PACK_EVENTS)  # nearly always, in a watch of a queue
        if plain is None:
            lines = await self._teller.lines(batches)
            plain = self._teller.plainly(lines) if len(lines) <= 2 * PACK_EVENTS else None
        if plain:
            _stand(batches)
            yield self._packet(plain)
            return
        told: list[Told] = []
        size_bytes = 0
        async for line, said, line_bytes in self._teller.told(lines):
            told += said
            size_bytes += line_bytes
            if size_bytes > PACK_BYTES or len(told) >= 2 * PACK_EVENTS:
                _stand(batches, line)
                yield self._packet(told)
                told, size_bytes = [], 0
        _stand(batches)
        if told:
            yield self._packet(told)
        elif monotonic() - self._sent_s > self._heartbeat_s:
            yield self._packet([], Kind.BEAT)

    async def _follow_new(self) -> list[Course]:
        """Follow the queues that the filter allows and that are not followed yet."""
        self._known = self._feeds.names
        new: list[Course] = []
        for name in sorted(self._known - self._courses.keys()):
            judge = Judge(self._wanted, name)
            if judge.is_shut:
                continue
            if len(self._courses) >= MAX_QUEUES:
                raise InvalidFilter(
                    "filter",
                    f"allows more than {MAX_QUEUES} queues: name those to watch, as in queue = exports",
                )
            watched, lane = self._feeds.of(name), Lane(name, self._inbox)
            await self._stack.enter_async_context(watched.feed.follow(lane))
            self._courses[name] = Course(watched, lane, judge)
            new.append(self._courses[name])
        return new

    async def _gather(self) -> None:
        """Wait for a moment for more to tell, if there is little and the last message is not long ago."""
        since_s = monotonic() - self._sent_s
        if since_s < GATHER_S and self._inbox.waiting < WORTH_A_MESSAGE:
            await asyncio.sleep(GATHER_S - since_s)

    def _taken(self) -> Iterator[tuple[Course, Batch]]:
        for lane, item in self._inbox.take(PACK_EVENTS, PACK_BYTES):
            if isinstance(item, Passed):
                raise PositionLost
            yield self._courses[lane.queue], item

    def _packet(self, told: list[Told], kind: Kind = Kind.PLAIN) -> Packet:
        return Packet(told, self._token(), now_ms(), kind)

    def _token(self) -> str:
        by_queue = {hash_of(name): course.place for name, course in self._courses.items()}
        return self._tokens.encode(Places(by_queue, self._is_beginning))


def _stand(batches: Sequence[tuple[Course, Batch]], line: Line | None = None) -> None:
    """Move behind the batches, or behind one line of one of them."""
    for course, batch in batches:
        if line is not None and batch is line.batch:
            course.position = max(course.position, batch.at(line.number))
            return
        course.position = max(course.position, batch.position)
