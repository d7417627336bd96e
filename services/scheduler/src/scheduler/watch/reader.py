"""The live end of a queue's event stream, read through one connection and ending with it.

What is known of a position holds for this connection alone: behind the next may be a server that never
had the entry, such as a replica that was promoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Self

from common.store.keys import QueueKeys
from common.store.operation import AsyncClient
from common.store.pinned import Pinned
from scheduler.watch.batch import Batch, Entry
from scheduler.watch.position import ORIGIN, Position
from scheduler.watch.stream import READ_ENTRIES

#: Shown by CLIENT LIST.
CONNECTION_NAME: Final = "bothsides-scheduler-feed"
#: Digits of the id of the server that this one was promoted after; zeros if it never was.
_FORMER_DIGITS: Final = 8


class EventReader:
    """Reads one queue's events. Every method raises StoreUnavailable once the connection has failed."""

    def __init__(self, connection: Pinned, keys: QueueKeys) -> None:
        self._connection = connection
        self._key = keys.events

    @classmethod
    async def open(cls, client: AsyncClient, keys: QueueKeys) -> Self:
        """Connect to the server that holds the queue now.

        Raises:
            StoreUnavailable: It does not answer.
        """
        return cls(await Pinned.to(client, keys.events, name=CONNECTION_NAME), keys)

    @property
    def is_open(self) -> bool:
        """Whether it can still read."""
        return self._connection.is_open

    async def former(self) -> str:
        """Return a name of the server that this one was promoted after, the same for as long as it serves.

        A promoted replica may lack the last events of the server before it.
        """
        report: bytes = await self._connection.command("INFO", "replication")
        facts = dict(line.partition(":")[::2] for line in report.decode().splitlines())
        return facts.get("master_replid2", "")[:_FORMER_DIGITS]

    async def end(self) -> Position:
        """Return the position after the last entry."""
        last = await self._connection.command("XREVRANGE", self._key, "+", "-", "COUNT", 1)
        return Position.of(last[0][0].decode()) if last else ORIGIN

    async def wait(self, after: Position, wait_ms: int) -> list[Batch]:
        """Return entries after a position, up to READ_ENTRIES; none if none came within `wait_ms`."""
        reply = await self._connection.command(
            "XREAD", "COUNT", READ_ENTRIES, "BLOCK", wait_ms, "STREAMS", self._key, after.entry_id
        )
        return [Batch(_entry(raw)) for raw in reply[0][1]] if reply else []

    async def holds(self, position: Position) -> bool:
        """Whether everything after a position can still be read."""
        if position == ORIGIN:
            return await self._is_whole()
        entry_id = position.entry_id
        return bool(await self._connection.command("XRANGE", self._key, entry_id, entry_id))

    async def _is_whole(self) -> bool:
        """Whether the stream holds all that was ever added to it."""
        if not await self._connection.command("EXISTS", self._key):
            return True
        flat = await self._connection.command("XINFO", "STREAM", self._key)
        facts = dict(zip(flat[::2], flat[1::2], strict=True))
        return bool(facts[b"length"] == facts[b"entries-added"])

    async def close(self) -> None:
        """Let go of the connection. Repeatable."""
        await self._connection.close()


def _entry(raw: Sequence[Any]) -> Entry:
    entry_id, flat = raw
    return entry_id, dict(zip(flat[::2], flat[1::2], strict=True))
