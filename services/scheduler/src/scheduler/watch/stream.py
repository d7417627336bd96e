"""Reading a queue's event stream without missing that part of it was trimmed.

Every position that is ever stood on is that of an entry, or the origin, before the first one. As long as this
entry is still in the stream, nothing after it has been trimmed; once it is gone, nothing is known of what
followed. Of the origin the stream itself knows whether it still holds all that was ever added.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from redis.exceptions import RedisError, ResponseError

from common.store.keys import QueueKeys
from common.store.operation import AsyncClient, translated
from scheduler.watch.batch import Batch, Entry, UnreadableEntry
from scheduler.watch.position import ORIGIN, Placed, Position

#: Entries of one read. An entry holds the events of one script, or one part of a result.
READ_ENTRIES: Final = 256


class PositionLost(Exception):
    """What follows a position can no longer be told: its entry is gone, or a later one cannot be read."""


class EventStream:
    """The event stream of one queue, as far as it has been written. Methods may raise StoreUnavailable."""

    def __init__(self, client: AsyncClient, keys: QueueKeys) -> None:
        self._client: Any = client
        self._key = keys.events

    async def replay(self, job_id: str, after: Position, until: Position) -> AsyncIterator[Placed]:
        """Yield the events of one job between two positions.

        Raises:
            PositionLost: The stream was trimmed beyond `after`, before or while it was read; or it
                holds what cannot be read.
        """
        async for batch in self.batches(after, until):
            try:
                for placed in batch.placed():
                    if placed.event.job_id == job_id and after < placed.position <= until:
                        yield placed
            except UnreadableEntry as error:
                raise PositionLost from error

    async def batches(self, after: Position, until: Position) -> AsyncIterator[Batch]:
        """Yield the entries that hold what lies between two positions; errors as for `replay`."""
        at = after
        while at < until:
            page = await self.page(at, until)
            for batch in page:
                if batch.position > at:
                    yield batch
            if len(page) < READ_ENTRIES:
                return
            at = page[-1].position

    async def page(self, after: Position, until: Position | None = None) -> list[Batch]:
        """Return the next entries: the one that `after` stands in, and up to READ_ENTRIES in all.

        Fewer are the last that there are.

        Raises:
            PositionLost: The stream was trimmed beyond `after`.
        """
        entries = await self._range(
            "-" if after == ORIGIN else after.entry_id, "+" if until is None else until.entry_id
        )
        # Looked at afterwards, so that nothing can have been trimmed in between.
        if after == ORIGIN:
            if not await self._is_whole():
                raise PositionLost
        elif not entries or entries[0][0].decode() != after.entry_id:
            raise PositionLost
        return [Batch(entry) for entry in entries]

    async def _is_whole(self) -> bool:
        """Whether the stream holds all that was ever added to it."""
        try:
            facts = await self._client.xinfo_stream(self._key)
        except ResponseError:
            return True  # there is none yet
        except RedisError as error:
            raise translated(error) from error
        return bool(facts["length"] == facts["entries-added"])

    async def _range(self, first: str, last: str) -> list[Entry]:
        try:
            entries: list[Entry] = await self._client.xrange(self._key, first, last, count=READ_ENTRIES)
        except RedisError as error:
            raise translated(error) from error
        return entries
