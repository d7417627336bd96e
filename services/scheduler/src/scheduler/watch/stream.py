"""Reading a queue's event stream without missing that part of it was trimmed.

Every position that is ever stood on is that of an entry. As long as this entry is still in the stream,
nothing after it has been trimmed; once it is gone, nothing is known of what followed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from redis.exceptions import RedisError

from common.store.events import events_of
from common.store.keys import QueueKeys
from common.store.operation import AsyncClient, translated
from scheduler.watch.position import Placed, Position

#: Entries of one read. An entry holds the events of one script, or one part of a result.
READ_ENTRIES: Final = 256

Entry = tuple[bytes, Mapping[bytes, bytes]]


class PositionLost(Exception):
    """What follows a position can no longer be told: its entry is gone, or a later one cannot be read."""


class UnreadableEntry(PositionLost):
    """An entry does not follow the format, such as one of a newer version with a state unknown here."""


class EventStream:
    """The event stream of one queue, as far as it has been written."""

    def __init__(self, client: AsyncClient, keys: QueueKeys) -> None:
        self._client: Any = client
        self._key = keys.events

    async def replay(self, job_id: str, after: Position, until: Position) -> AsyncIterator[Placed]:
        """Yield the events of one job between two positions.

        Raises:
            StoreUnavailable: The store does not answer.
            PositionLost: The stream was trimmed beyond `after`, before or while it was read; or it
                holds what cannot be read.
        """
        at = after
        while True:
            entries = await self._range(at.entry_id, until.entry_id)
            if not entries or entries[0][0].decode() != at.entry_id:
                raise PositionLost
            for entry in entries:
                for placed in placed_events(entry):
                    if placed.event.job_id == job_id and at < placed.position <= until:
                        yield placed
            last = Position.of(entries[-1][0].decode())
            if len(entries) < READ_ENTRIES or last >= until:
                return
            at = last

    async def _range(self, first: str, last: str) -> list[Entry]:
        try:
            entries: list[Entry] = await self._client.xrange(self._key, first, last, count=READ_ENTRIES)
        except RedisError as error:
            raise translated(error) from error
        return entries


def placed_events(entry: Entry) -> list[Placed]:
    """Return the events of an entry, each with its place.

    Raises:
        UnreadableEntry: It does not follow the format.
    """
    entry_id, fields = entry
    whole = Position.of(entry_id.decode())
    try:
        events = list(events_of(fields))
    except (ValueError, KeyError) as error:
        raise UnreadableEntry(whole.entry_id) from error
    return [
        Placed(Position(whole.milliseconds, whole.sequence, line), event) for line, event in enumerate(events)
    ]
