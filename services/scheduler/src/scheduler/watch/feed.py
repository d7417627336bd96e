"""The feed of one queue: reads its event stream once, and offers each event to whom it concerns.

It reads only while someone watches. When the store was away and its history is not whole, every watcher
is told that there is a gap.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from common.errors import Draining, JobsError, StoreUnavailable
from common.job.ids import JobId
from scheduler.deployment import Deployment
from scheduler.watch.batch import Batch, UnreadableEntry
from scheduler.watch.facts import Facts
from scheduler.watch.inbox import Lane
from scheduler.watch.position import ORIGIN
from scheduler.watch.reader import EventReader
from scheduler.watch.stream import READ_ENTRIES
from scheduler.watch.subscription import Subscription

#: How long one read blocks: below the client's socket timeout, or silence would look like a failure.
WAIT_MS: Final = 2_000
#: Pauses between attempts to reach the store again, doubling.
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0
_log = logging.getLogger(__name__)


class EventFeed:
    """One queue's events, for as long as someone watches.

    Args:
        connect: Opens a reader of the queue.
        facts: Learns of what changes jobs.
        subscription: Makes a subscription; a test may bound it tighter.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[EventReader]],
        deployment: Deployment,
        facts: Facts,
        *,
        subscription: Callable[[JobId], Subscription] = Subscription,
    ) -> None:
        self._connect = connect
        self._deployment = deployment
        self._facts = facts
        self._subscription = subscription
        self._watched: dict[str, set[Subscription]] = {}
        #: Of watches of many jobs, each of which is offered everything.
        self._lanes: set[Lane] = set()
        self._starting = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None
        self._closed = False
        #: After the last entry that was offered; of no meaning while no one watches.
        self.position = ORIGIN
        #: The epoch in which positions are meant.
        self.epoch = ""

    @asynccontextmanager
    async def subscribe(self, job_id: JobId) -> AsyncIterator[Subscription]:
        """Subscribe to a job: every event after `position`, as it is on entry, is offered.

        Raises:
            StoreUnavailable: The store does not answer.
            Draining: The feed was closed.
        """
        subscription = self._subscription(job_id)
        async with self._starting:
            await self._start()
            self._watched.setdefault(job_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            watchers = self._watched[job_id]
            watchers.remove(subscription)
            if not watchers:
                del self._watched[job_id]
            self._stop_if_idle()

    @asynccontextmanager
    async def follow(self, lane: Lane) -> AsyncIterator[None]:
        """Offer every event of the queue to a lane; otherwise as `subscribe`."""
        async with self._starting:
            await self._start()
            self._lanes.add(lane)
        try:
            yield
        finally:
            self._lanes.remove(lane)
            self._stop_if_idle()

    async def _start(self) -> None:
        if self._closed:
            raise Draining
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(await self._connected(self._to_end)))

    def close(self) -> None:
        """End all subscriptions; their watches resume on another replica."""
        self._closed = True
        self._end(Draining())
        self._stop()

    def _stop_if_idle(self) -> None:
        if not self._watched and not self._lanes:
            self._stop()

    def _stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _is_reader(self) -> bool:
        return asyncio.current_task() is self._reading

    def _subscriptions(self) -> list[Subscription]:
        return [subscription for watchers in self._watched.values() for subscription in watchers]

    async def _connected(self, placed: Callable[[EventReader], Awaitable[None]]) -> EventReader:
        """Return a new reader, once `placed` has found where it is to read."""
        reader = await self._connect()
        try:
            await placed(reader)
        except BaseException:
            await reader.close()
            raise
        return reader

    async def _read(self, reader: EventReader) -> None:
        """Offer events until stopped; a store that does not answer is asked again and again.

        The store's client can swallow a cancellation, so that being the reader is looked at as well.
        """
        pause_s = _FIRST_PAUSE_S
        try:
            while self._is_reader():
                try:
                    if not reader.is_open:
                        reader = await self._connected(self._find_place)
                    await self._step(reader)
                    pause_s = _FIRST_PAUSE_S
                except JobsError as error:
                    _log.warning(
                        "the event stream cannot be read, trying again in %.1f s: %s", pause_s, error.reason
                    )
                    await reader.close()
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        except Exception:
            _log.exception("the event feed stopped unforeseen; its watches end and may resume")
            self._reading = None
            self._end(StoreUnavailable("the event feed stopped: watch again with the last resume token"))
        finally:
            await reader.close()

    async def _step(self, reader: EventReader) -> None:
        batches = await reader.wait(self.position, WAIT_MS)
        if not self._is_reader():
            return
        if len(batches) >= READ_ENTRIES and not await reader.holds(self.position):
            await self._jump(reader)  # so far behind that the stream may have been trimmed in between
            return
        for batch in batches:
            self.position = batch.position
            self._offer(batch)

    def _offer(self, batch: Batch) -> None:
        try:
            if self._lanes:
                events = batch.read()
                if self._facts.are_any:
                    for event in events:
                        self._facts.note(event)
                for lane in self._lanes:
                    lane.offer(batch)
            if self._watched and not self._watched.keys().isdisjoint(batch.job_ids()):
                for placed in batch.placed():
                    for subscription in self._watched.get(placed.event.job_id, ()):
                        subscription.offer(placed)
        except UnreadableEntry as error:
            _log.error("entry %s of the event stream is passed over: it does not follow the format", error)
            self._skip()

    async def _to_end(self, reader: EventReader) -> None:
        """Begin at the end of the stream."""
        self.epoch = await self._deployment.epoch(await reader.former())
        self.position = await reader.end()

    async def _find_place(self, reader: EventReader) -> None:
        """Go on where reading stopped, if that place still means the same."""
        epoch = await self._deployment.epoch(await reader.former())
        if epoch != self.epoch or not await reader.holds(self.position):
            await self._jump(reader)

    async def _jump(self, reader: EventReader) -> None:
        """Go on at the end of the stream, and tell everyone that something was passed over."""
        await self._to_end(reader)
        self._skip()

    def _skip(self) -> None:
        for subscription in self._subscriptions():
            subscription.skip()
        for lane in self._lanes:
            lane.skip(self.position, self.epoch)

    def _end(self, error: JobsError) -> None:
        for subscription in self._subscriptions():
            subscription.close(error)
        for lane in self._lanes:
            lane.close(error)
