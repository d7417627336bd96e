"""Writing commands with hiredis on asynchronous connections, as redis-py does on all others.

redis-py's asynchronous connections write a command in Python, copying what they have with each argument:
20 µs for a job of a bulk submit, against 5.
"""

from __future__ import annotations

from typing import Any

import redis.asyncio
import redis.asyncio.connection
from hiredis import pack_command
from redis.exceptions import DataError


class PackedByHiredis(redis.asyncio.connection.AbstractConnection):
    """A connection that writes the same bytes in less time; of no use by itself."""

    def pack_command(self, *args: Any) -> list[bytes]:
        name, *arguments = args
        words = name.encode().split() if isinstance(name, str) else name.split()
        try:
            return [pack_command((*words, *arguments))]
        except TypeError as error:
            raise DataError(str(error)) from error


def pack_by_hiredis(pool: redis.asyncio.ConnectionPool) -> None:
    """Let the connections that `pool` will make, whatever their kind, write with hiredis."""
    pool.connection_class = packed(pool.connection_class)


def packed(kind: type[redis.asyncio.connection.AbstractConnection]) -> type[Any]:
    """Return a kind of connection that writes with hiredis."""
    return type(f"Packed{kind.__name__}", (PackedByHiredis, kind), {})
