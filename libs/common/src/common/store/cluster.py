"""Clients of a cluster that behave as those of one server do.

redis-py's own raise errors that are no `RedisError`. The one for threads reaches for the cluster when it is
made; the asynchronous one refuses a command when all connections are in use, instead of waiting for one, and
leaves connections open when it is closed after a failure. These do not; nothing else is different.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from typing import Any, NoReturn

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.cluster
import redis.exceptions

from common.store.lean import lean

Nodes = Iterable[tuple[str, int]]


class SyncCluster(redis.RedisCluster):
    """A cluster's client for threads, which reaches for the cluster with its first command.

    Args:
        nodes: Where to learn of all others.
        settings: Those of RedisCluster.
    """

    def __init__(self, nodes: Nodes, **settings: Any) -> None:
        self._nodes = tuple(nodes)
        self._settings = {**settings}
        self._settings.pop("db", None)
        self._reached = False
        self._reaching = False
        self._reach_lock = threading.RLock()

    def execute_command(self, *arguments: Any, **options: Any) -> Any:
        """Send a command to the node that serves its keys, and again where a node has failed."""
        try:
            self._reach()
            return super().execute_command(*arguments, **options)  # type: ignore[no-untyped-call]
        except redis.exceptions.RedisError:
            raise
        except _SLIPS as error:
            _raise_away(error)

    def pubsub(self, *arguments: Any, **options: Any) -> Any:
        """Return a subscriber; a cluster passes every published message on to all its nodes."""
        try:
            self._reach()
            return super().pubsub(*arguments, **options)  # type: ignore[no-untyped-call]
        except _SLIPS as error:
            _raise_away(error)

    def get_node_from_key(self, key: str, replica: bool = False) -> Any:
        """Return the node that serves a key, as far as is known."""
        try:
            self._reach()
            return super().get_node_from_key(key, replica)  # type: ignore[no-untyped-call]
        except _SLIPS as error:
            _raise_away(error)

    def get_connection_kwargs(self) -> dict[str, Any]:
        return self._settings

    def close(self) -> None:
        if self._reached:
            super().close()

    def _reach(self) -> None:
        """Learn of the cluster once; again with the next command if nothing of it answered."""
        if self._reached:
            return
        with self._reach_lock:
            if self._reached or self._reaching:  # it sends a command itself
                return
            self._reaching = True
            try:
                node: Any = redis.cluster.ClusterNode
                super().__init__(startup_nodes=[node(*pair) for pair in self._nodes], **self._settings)
                self._reached = True
            finally:
                self._reaching = False


class AsyncCluster(redis.asyncio.RedisCluster):
    """A cluster's client for one event loop.

    Args:
        nodes: Where to learn of all others.
        max_connections: To one node; also how many commands may be under way at once. Others wait.
        settings: Those of RedisCluster.
    """

    def __init__(self, nodes: Nodes, *, max_connections: int, **settings: Any) -> None:
        start = [redis.asyncio.cluster.ClusterNode(host, port) for host, port in nodes]
        super().__init__(startup_nodes=start, max_connections=max_connections, **settings)
        self.connection_kwargs["connection_class"] = lean(self.connection_kwargs["connection_class"])
        for met in self.nodes_manager.startup_nodes.values():
            met.connection_class = self.connection_kwargs["connection_class"]
        self._free = asyncio.Semaphore(max_connections)

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        """Send a command to the node that serves its keys, and again where a node has failed."""
        async with self._free:
            try:
                return await super().execute_command(*arguments, **options)
            except redis.exceptions.RedisError:
                raise
            except _SLIPS as error:
                _raise_away(error)

    async def aclose(self) -> None:
        """Close all connections, also those of a client that has lost the cluster and not found it again."""
        await super().aclose()
        await self.nodes_manager.aclose()
        await self.nodes_manager.aclose("startup_nodes")


#: What redis-py raises where no node is to be had: an exception that is no RedisError; and, while a cluster
#: changes, what comes of a node that it does not know (None) or of a list without a primary.
_SLIPS = (redis.exceptions.RedisClusterException, AttributeError, IndexError, KeyError)


def _raise_away(error: Exception) -> NoReturn:
    raise redis.exceptions.ConnectionError(f"the cluster does not answer: {error}") from error
