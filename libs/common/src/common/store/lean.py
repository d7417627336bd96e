"""Connections of the event loop that spend less on each command than redis-py's own.

redis-py writes their commands in Python, copying what it has with each argument (20 µs for a job of a bulk
submit, against 5 by hiredis, which its other connections use), and makes a task of every write and a retry
of every look whether there is a connection. The bytes and the errors are the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import redis.asyncio
import redis.asyncio.connection
from hiredis import pack_command
from redis.exceptions import DataError


class LeanConnection(redis.asyncio.connection.AbstractConnection):
    """What is different; of no use by itself."""

    async def connect(self) -> None:
        if not self.is_connected:
            await super().connect()  # type: ignore[no-untyped-call]  # it has no annotations

    def pack_command(self, *args: Any) -> list[bytes]:
        name, *arguments = args
        words = name.encode().split() if isinstance(name, str) else name.split()
        try:
            return [pack_command((*words, *arguments))]
        except TypeError as error:
            raise DataError(str(error)) from error

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send at once what the kernel takes at once; only the rest has to be waited for."""
        if self.is_connected and check_health:
            await self.check_health()  # type: ignore[no-untyped-call]
        writer: Any = self._writer
        if isinstance(command, list) and self.is_connected and not writer.transport.is_closing():
            writer.writelines(command)
            if writer.transport.get_write_buffer_size() == 0 and not writer.transport.is_closing():
                return
            command = []
        await super().send_packed_command(command, check_health=False)

    def hand_over(self) -> tuple[asyncio.StreamWriter, Callable[[str], Exception]]:
        """Give away a connection that is made; return its writer and what reads the server's refusals."""
        writer, parser = self._writer, self._parser
        assert writer is not None  # noqa: S101  # who hands over has connected
        self._writer = self._reader = None
        return writer, parser.parse_error


def make_lean(pool: redis.asyncio.ConnectionPool) -> None:
    """Let the connections that `pool` will make, whatever their kind, be lean ones."""
    pool.connection_class = lean(pool.connection_class)


def lean(kind: type[redis.asyncio.connection.AbstractConnection]) -> type[Any]:
    """Return a kind of connection that is lean."""
    return type(f"Lean{kind.__name__}", (LeanConnection, kind), {})
