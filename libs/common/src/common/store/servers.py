"""What the store's servers say of themselves: version, memory, file, replicas. Judged in weaknesses.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import redis
import redis.asyncio
import redis.exceptions

from common.store.operation import STORE_ERRORS, AsyncClient, Client, translated

#: Scripts that declare what they do, as the store's own must, came with this version.
OLDEST_MAJOR: Final = 7


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """One server, as it was."""

    #: "" for the only one, or a Sentinel's master; a node of a cluster has an address.
    address: str
    #: Valkey or Redis.
    product: str
    #: Of Redis, or of the Redis that the product is compatible with.
    redis_version: str
    eviction_policy: str
    #: 0: as much as there is.
    memory_limit_bytes: int
    memory_used_bytes: int
    #: It writes what it does to a file.
    appends: bool
    #: The last write to the file succeeded.
    append_ok: bool
    replicas: int

    @property
    def is_too_old(self) -> bool:
        major = self.redis_version.partition(".")[0]
        return major.isdecimal() and int(major) < OLDEST_MAJOR


class ServerTooOld(Exception):
    """The server lacks what the scripts need."""

    def __init__(self, server: ServerFacts) -> None:
        where = f" at {server.address}" if server.address else ""
        super().__init__(
            f"the server{where} is {server.product} {server.redis_version}, but the platform needs Valkey, "
            f"or Redis {OLDEST_MAJOR} or newer: upgrade it, or name another with REDIS_URL"
        )


def read_servers(client: Client) -> tuple[ServerFacts, ...]:
    """Ask the server, or each primary of a cluster; none if its user may not ask.

    Raises:
        StoreUnavailable: One of them does not answer.
    """
    asked: Any = client
    try:
        if isinstance(client, redis.RedisCluster):
            asked.execute_command("CLUSTER INFO")  # so that the client knows the nodes
            return tuple(_facts(node.name, asked.info(target_nodes=node)) for node in asked.get_primaries())
        return (_facts("", asked.info()),)
    except redis.exceptions.NoPermissionError:
        return ()
    except STORE_ERRORS as error:
        raise translated(error) from error


async def read_servers_async(client: AsyncClient) -> tuple[ServerFacts, ...]:
    """As read_servers, on an event loop."""
    asked: Any = client
    try:
        if isinstance(client, redis.asyncio.RedisCluster):
            await client.initialize()
            nodes = client.get_primaries()
            return tuple([_facts(node.name, await asked.info(target_nodes=node)) for node in nodes])
        return (_facts("", await asked.info()),)
    except redis.exceptions.NoPermissionError:
        return ()
    except STORE_ERRORS as error:
        raise translated(error) from error


def _facts(address: str, info: Mapping[str, Any]) -> ServerFacts:
    valkey = "valkey_version" in info
    return ServerFacts(
        address=address,
        product="Valkey" if valkey else "Redis",
        redis_version=str(info.get("redis_version", "")),
        eviction_policy=str(info.get("maxmemory_policy", "")),
        memory_limit_bytes=int(info.get("maxmemory", 0)),
        memory_used_bytes=int(info.get("used_memory", 0)),
        appends=info.get("aof_enabled") == 1,
        append_ok=info.get("aof_last_write_status", "ok") == "ok",
        replicas=int(info.get("connected_slaves", 0)),
    )
