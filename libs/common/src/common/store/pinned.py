"""A connection to the server that holds a key, which ends with its first failure and is never made anew.

A client's pool replaces a broken connection without a word, and follows a cluster's redirections. Whoever
relies on what the server has said before must know of both: behind the new connection may be a server with
another history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import redis.asyncio
import redis.asyncio.retry
import redis.backoff

from common.errors import StoreUnavailable
from common.store.operation import STORE_ERRORS, AsyncClient, translated


class Pinned:
    """Sends one command at a time. Whatever goes wrong, a cancellation included, closes it for good."""

    def __init__(self, connection: redis.asyncio.Connection) -> None:
        self._connection = connection

    @classmethod
    async def to(cls, client: AsyncClient, key: str, *, name: str) -> Self:
        """Connect to the server that holds `key` now, with the client's settings.

        Args:
            key: Need not exist.
            name: Shown by CLIENT LIST.

        Raises:
            StoreUnavailable: The server does not answer.
        """
        once = redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0)
        try:
            made, settings = await _connection_of(client, key)
            connection = made(**{**settings, "client_name": name, "retry": once})
            await connection.connect()
        except STORE_ERRORS as error:
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
        except STORE_ERRORS as error:
            await self.close()
            raise translated(error) from error
        except BaseException:
            await self._connection.disconnect(nowait=True)
            raise

    async def close(self) -> None:
        """Close the connection. Repeatable."""
        await self._connection.disconnect()


async def _connection_of(client: AsyncClient, key: str) -> tuple[Callable[..., Any], Mapping[str, Any]]:
    """Return the class and the settings of a connection to the server that holds a key."""
    if isinstance(client, redis.asyncio.RedisCluster):
        # Sent as any command is, so that the client learns who holds the key now.
        await client.execute_command("EXISTS", key)
        node: Any = client.get_node_from_key(key)
        return node.connection_class, node.connection_kwargs
    pool: Any = client.connection_pool
    return pool.connection_class, pool.connection_kwargs
