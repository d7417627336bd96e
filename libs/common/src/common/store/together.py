"""Several commands over one connection, in one write: to the one server, or to the node that holds a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.exceptions

Commands = Sequence[tuple[Any, ...]]
#: What a cluster's client can learn from: the key is elsewhere now, or its node has gone.
_ASTRAY = (
    redis.exceptions.AskError,  # MOVED too
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
)


def send_together(client: Any, key: str, commands: Commands) -> list[Any]:
    """Send commands; return the reply to each, an exception where it was refused.

    Args:
        client: A redis-py client for threads, of any kind.
        key: In the slot of all that the commands touch.
    """
    if not isinstance(client, redis.RedisCluster):
        return _through(client, commands)
    cluster: Any = client
    try:
        replies = _through(cluster.get_node_from_key(key).redis_connection, commands)
    except _ASTRAY as error:
        replies = [error]
    if isinstance(replies[0], _ASTRAY):
        cluster.execute_command("EXISTS", key)  # it learns where the key is
        replies = _through(cluster.get_node_from_key(key).redis_connection, commands)
    return replies


def _through(server: Any, commands: Commands) -> list[Any]:
    with server.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        replies: list[Any] = pipeline.execute(raise_on_error=False)
    return replies


async def send_together_async(client: Any, key: str, commands: Commands) -> list[Any]:
    """As send_together, on an event loop."""
    if not isinstance(client, redis.asyncio.RedisCluster):
        async with client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies
    await client.initialize()
    replies = await _through_node(client, key, commands)
    if isinstance(replies[0], _ASTRAY):
        await client.execute_command("EXISTS", key)
        replies = await _through_node(client, key, commands)
    return replies


async def _through_node(client: Any, key: str, commands: Commands) -> list[Any]:
    sent = [redis.asyncio.cluster.PipelineCommand(place, *command) for place, command in enumerate(commands)]
    try:
        await client.get_node_from_key(key).execute_pipeline(sent)
    except _ASTRAY as error:
        return [error]
    return [command.result for command in sent]
