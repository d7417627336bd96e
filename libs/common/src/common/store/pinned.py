"""A connection to the server that holds a key, which ends with its first failure and is never made anew.

A client's pool replaces a broken connection without a word, and follows a cluster's redirections. Whoever
relies on what the server has said before must know of both: behind the new connection may be a server with
another history.
"""

from __future__ import annotations

from typing import Any, Self

import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.exceptions

from common.errors import StoreUnavailable
from common.store.operation import translated


class Pinned:
    """Sends one command at a time. Whatever goes wrong, a cancellation included, closes it for good."""

    def __init__(self, connection: redis.asyncio.Connection) -> None:
        self._connection = connection

    @classmethod
    async def to(cls, client: redis.asyncio.Redis, *, name: str) -> Self:
        """Connect to the server that `client` talks to now, with its settings.

        Args:
            name: Shown by CLIENT LIST.

        Raises:
            StoreUnavailable: The server does not answer.
        """
        pool: Any = client.connection_pool
        once = redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0)
        settings = {**pool.connection_kwargs, "client_name": name, "retry": once}
        connection = pool.connection_class(**settings)
        try:
            await connection.connect()
        except redis.exceptions.RedisError as error:
            raise translated(error) from error
        return cls(connection)

    @property
    def is_open(self) -> bool:
        """Whether a command can be sent."""
        return bool(self._connection.is_connected)

    async def command(self, *arguments: str | bytes | int | float) -> Any:
        """Send a command; return its reply as it came.

        Raises:
            StoreUnavailable: There is no good reply. This connection is closed, and stays so.
        """
        if not self.is_open:
            raise StoreUnavailable
        try:
            # Without a health check: a PING that fails would try a connection of its own.
            await self._connection.send_command(*arguments, check_health=False)
            return await self._connection.read_response()
        except redis.exceptions.RedisError as error:
            await self.close()
            raise translated(error) from error
        except BaseException:
            await self._connection.disconnect(nowait=True)
            raise

    async def close(self) -> None:
        """Close the connection. Repeatable."""
        await self._connection.disconnect()
