"""Watching one job to its end: a snapshot, then every change, then a last snapshot.

Subscribe first, then read the job and its place in the event stream, then pass over what the stream
says up to that place: nothing is missed in between, and nothing is said twice.
"""

from __future__ import annotations

import time
from asyncio import timeout
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

from common.errors import Draining, JobNotFound, WatchTooSlow
from common.job.ids import JobId
from common.store.events import Deleted, PartMade, Progressed, StateChanged, Updated
from common.store.jobs import Snapshot
from scheduler.jobs import Jobs
from scheduler.watch.feeds import Feeds, Watched
from scheduler.watch.parts import PartTold, part_told
from scheduler.watch.position import ORIGIN, Placed, Position
from scheduler.watch.stream import PositionLost
from scheduler.watch.subscription import FellBehind, Gap, Subscription
from scheduler.watch.token import ResumeToken, decode

#: After this much silence a watch says that it is alive (s).
HEARTBEAT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Beat:
    """Nothing has happened for a while."""


@dataclass(frozen=True, slots=True)
class WasReset:
    """What happened since the last message is not known; the next is a snapshot."""


@dataclass(frozen=True, slots=True)
class Update:
    """One message of a watch."""

    what: Snapshot | StateChanged | Progressed | PartTold | Beat | WasReset
    resume_token: str
    at_ms: int


class Watches:
    """Opens watches of single jobs."""

    def __init__(self, jobs: Jobs, feeds: Feeds, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._jobs = jobs
        self._feeds = feeds
        self._heartbeat_s = heartbeat_s

    async def watch(
        self, job_id: str, tenant: str, *, resume_token: str, full: bool
    ) -> AsyncGenerator[Update, None]:
        """Yield what happens to a job until it is final; a resumed watch begins with what it has missed.

        Args:
            resume_token: Of the last message that was received; "" begins with a snapshot.
            full: Snapshots with message, result and parts; and parts as they are made.

        Raises:
            JobNotFound: There is no such job of this tenant, or no longer.
            InvalidResumeToken: The token is of another job, or no token.
            WatchTooSlow: The updates were not taken fast enough; its token loses nothing.
            Draining: This replica shuts down; another goes on with the last token.
        """
        if self._feeds.closed:
            raise Draining(resume_token)
        since = decode(resume_token, job_id) if resume_token else None
        await self._jobs.get(job_id, tenant)  # before a feed is started for a queue that may not exist
        queue = self._feeds.of(self._jobs.keys_of(job_id).queue)
        async with queue.feed.subscribe(JobId(job_id)) as subscription:
            watch = _Watch(self._jobs, queue, subscription, tenant, full, self._heartbeat_s)
            async for update in watch.updates(since):
                yield update


class _Watch:
    """One watch: where it is, and what it says next."""

    def __init__(
        self,
        jobs: Jobs,
        queue: Watched,
        subscription: Subscription,
        tenant: str,
        full: bool,
        heartbeat_s: float,
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._subscription = subscription
        self._tenant = tenant
        self._full = full
        self._heartbeat_s = heartbeat_s
        #: After the last event that was told, or is part of a snapshot that was.
        self._position = ORIGIN

    async def updates(self, since: ResumeToken | None) -> AsyncGenerator[Update, None]:
        """Yield what was missed since a token, or a snapshot; then what happens, to the end."""
        snapshot = await self._snapshot()
        if since is None:
            yield self._told(snapshot)
        elif since.epoch != self._queue.feed.epoch:
            for update in self._anew(snapshot):
                yield update
        else:
            async for update in self._missed(since.position, snapshot):
                yield update
                if _is_end(update):
                    return
        if snapshot.job.state.is_final:
            return
        self._position = Position.of(snapshot.position)
        async for update in self._live():
            yield update
            if _is_end(update):
                return

    async def _missed(self, since: Position, snapshot: Snapshot) -> AsyncGenerator[Update, None]:
        """Yield the events between a position and a snapshot; and the snapshot, if it is the end."""
        self._position = since
        job_id, until = self._subscription.job_id, Position.of(snapshot.position)
        try:
            async for placed in self._queue.stream.replay(job_id, since, until):
                async for update in self._event(placed):
                    yield update
        except PositionLost:
            for update in self._anew(snapshot):
                yield update
        else:
            if snapshot.job.state.is_final:  # and the watch had been told of that
                yield self._told(snapshot)

    async def _live(self) -> AsyncGenerator[Update, None]:
        """Yield what the feed offers from here on, without end."""
        while True:
            try:
                async with timeout(self._heartbeat_s):
                    item = await self._subscription.next()
            except TimeoutError:
                if self._subscription.is_empty:  # so that the feed's position passes over nothing
                    self._position = max(self._position, self._queue.feed.position)
                    yield self._update(Beat(), _now_ms())
                continue
            except FellBehind:
                raise WatchTooSlow(self._token()) from None
            except Draining:
                raise Draining(self._token()) from None
            match item:
                case Gap():
                    for update in self._anew(await self._snapshot()):
                        yield update
                case Placed(position) if position > self._position:
                    try:
                        async for update in self._event(item):
                            yield update
                    except PositionLost:  # a part that gave way to another, so long has this watch waited
                        for update in self._anew(await self._snapshot()):
                            yield update

    async def _event(self, placed: Placed) -> AsyncGenerator[Update, None]:
        """Tell of an event; and if it was the job's end, of the job as it is then.

        Raises:
            PositionLost: It is a part that is not kept any more.
        """
        self._position = placed.position
        event = placed.event
        if isinstance(event, Deleted):
            raise JobNotFound(event.job_id)
        if isinstance(event, Updated):
            snapshot = await self._snapshot()
            if not snapshot.job.state.is_final:  # else its end is told next
                yield self._update(snapshot, event.at_ms)
            return
        if isinstance(event, PartMade):
            told = await part_told(event, placed.position, self._jobs.part) if self._full else None
            if told is not None:
                yield self._update(told, event.at_ms)
            return
        yield self._update(event, event.at_ms)
        if isinstance(event, StateChanged) and event.state.is_final:
            snapshot = await self._snapshot()
            if snapshot.job.state.is_final:  # else it was retried since, and the watch goes on
                yield self._told(snapshot)

    async def _snapshot(self) -> Snapshot:
        job_id = self._subscription.job_id
        return await self._jobs.get(job_id, self._tenant, full=self._full, needs_files=False)

    def _anew(self, snapshot: Snapshot) -> tuple[Update, Update]:
        """Begin again. Until the snapshot is received, the old position stays that of the watch."""
        return self._update(WasReset(), _now_ms()), self._told(snapshot)

    def _told(self, snapshot: Snapshot) -> Update:
        # Replaced, not only advanced: the old position may be that of another history.
        self._position = Position.of(snapshot.position)
        return self._update(snapshot, snapshot.job.updated_ms)

    def _update(
        self, what: Snapshot | StateChanged | Progressed | PartTold | Beat | WasReset, at_ms: int
    ) -> Update:
        return Update(what, self._token(), at_ms)

    def _token(self) -> str:
        return ResumeToken(self._subscription.job_id, self._position, self._queue.feed.epoch).encode()


def _is_end(update: Update) -> bool:
    return isinstance(update.what, Snapshot) and update.what.job.state.is_final


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
