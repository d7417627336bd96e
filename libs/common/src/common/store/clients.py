"""Clients of Valkey or Redis, with every choice made here and none left to a default.

A command that fails because the connection did is sent again a few times. That is safe because every
operation of the store may be repeated. A client of either kind is shared by its whole process. None reaches
for the store when it is made, and what each raises when the store does not answer is a `redis.RedisError`.
"""

from __future__ import annotations

from typing import Any, Final

import redis
import redis.asyncio
import redis.asyncio.retry
import redis.asyncio.sentinel
import redis.backoff
import redis.connection
import redis.retry
import redis.sentinel

from common.settings import Address, Cluster, Sentinels, StoreSettings
from common.store.cluster import AsyncCluster, SyncCluster
from common.store.lean import make_lean
from common.store.operation import AsyncClient, Client
from common.store.shared import SharedConnection

#: How long a reply may take (s). Above every blocking wait: `fetch` waits ≤ 1 s, a watch's XREAD ≤ 2 s.
SOCKET_TIMEOUT_S: Final = 5.0
#: How long making a connection may take (s).
CONNECT_TIMEOUT_S: Final = 2.0
#: How long a sentinel may take to answer (s): the next one is asked then.
SENTINEL_TIMEOUT_S: Final = 1.0
#: A connection that was idle for longer (s) is tried with a PING before it is used again.
HEALTH_CHECK_S: Final = 15
#: Repeats after a failed connection, with full jitter between them: 10 ms, 20 ms, 40 ms, ... at most 500 ms.
RETRIES: Final = 3
_RETRY_BASE_S: Final = 0.01
_RETRY_CAP_S: Final = 0.5
#: Connections of one asynchronous client. More concurrent commands than this wait for one to be free, so that
#: a burst of calls does not become a burst of connections.
MAX_CONNECTIONS: Final = 64


def redis_client(settings: StoreSettings, *, name: str | None = None) -> Client:
    """Return a client for threads; replies are bytes in their RESP2 shapes.

    Args:
        name: Shown by CLIENT LIST, to tell which service a connection belongs to.
    """
    options = _options(settings, name)
    retry = redis.retry.Retry(_backoff(), RETRIES)
    match settings.where:
        case None:
            return redis.Redis.from_url(settings.redis_url, **options, **_tls(settings), retry=retry)
        case Sentinels() as sentinels:
            manager: Any = redis.sentinel.Sentinel(  # type: ignore[no-untyped-call]
                _pairs(sentinels.addresses),
                sentinel_kwargs=_of_sentinels(settings, sentinels, redis.retry.Retry),
            )
            master: redis.Redis = manager.master_for(
                sentinels.master, redis_class=_Master, **_login(settings), **options, retry=retry
            )
            return master
        case Cluster() as cluster:
            return SyncCluster(_nodes(settings, cluster), **_login(settings), **options, retry=retry)


def async_redis_client(
    settings: StoreSettings, *, name: str | None = None, max_connections: int = MAX_CONNECTIONS
) -> AsyncClient:
    """Return a client for one event loop; replies are bytes in their RESP2 shapes.

    Args:
        name: Shown by CLIENT LIST, to tell which service a connection belongs to.
        max_connections: To one server. A command that blocks holds one of them.
    """
    options = _options(settings, name)
    retry = redis.asyncio.retry.Retry(_backoff(), RETRIES)
    bounds = {"max_connections": max_connections, "timeout": SOCKET_TIMEOUT_S}
    match settings.where:
        case None:
            pool = redis.asyncio.BlockingConnectionPool.from_url(
                settings.redis_url, **bounds, **options, **_tls(settings), retry=retry
            )
            make_lean(pool)
            return redis.asyncio.Redis.from_pool(pool)
        case Sentinels() as sentinels:
            async_manager: Any = redis.asyncio.sentinel.Sentinel(  # type: ignore[no-untyped-call]
                _pairs(sentinels.addresses),
                sentinel_kwargs=_of_sentinels(settings, sentinels, redis.asyncio.retry.Retry),
            )
            async_master: redis.asyncio.Redis = async_manager.master_for(
                sentinels.master,
                redis_class=_AsyncMaster,
                connection_pool_class=_BlockingSentinelPool,
                **_login(settings),
                **options,
                **bounds,
                retry=retry,
            )
            make_lean(async_master.connection_pool)
            return async_master
        case Cluster() as cluster:
            return AsyncCluster(
                _nodes(settings, cluster),
                max_connections=max_connections,
                **_login(settings),
                **options,
                retry=retry,
            )


def shared_connection(client: AsyncClient) -> SharedConnection | None:
    """Return a connection for all scripts; None for a cluster, whose client alone knows the way."""
    if isinstance(client, redis.asyncio.RedisCluster):
        return None
    return SharedConnection(client, reply_s=SOCKET_TIMEOUT_S, idle_s=HEALTH_CHECK_S)


class _Master(redis.Redis):
    """The client of a master, which closes those of its sentinels too."""

    def close(self) -> None:
        super().close()
        pool: Any = self.connection_pool
        pool.sentinel_manager.close()


class _AsyncMaster(redis.asyncio.Redis):
    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        await pool.sentinel_manager.aclose()


class _BlockingSentinelPool(
    redis.asyncio.sentinel.SentinelConnectionPool, redis.asyncio.BlockingConnectionPool
):
    """Connections to a master, a bounded number, each waited for."""


def _options(settings: StoreSettings, name: str | None) -> dict[str, Any]:
    return {
        "protocol": 2,
        "decode_responses": False,
        "client_name": name,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_keepalive": True,
        "health_check_interval": HEALTH_CHECK_S,
    }


def _of_sentinels(settings: StoreSettings, sentinels: Sentinels, retry: type[Any]) -> dict[str, Any]:
    """Return how sentinels are reached: no repeats, since there are others to ask."""
    tls = {"ssl": True, **_tls(settings)} if settings.is_tls else {}
    return {
        **_options(settings, None),
        **tls,
        "username": sentinels.username,
        "password": sentinels.password,
        "socket_timeout": SENTINEL_TIMEOUT_S,
        "socket_connect_timeout": SENTINEL_TIMEOUT_S,
        "retry": retry(redis.backoff.NoBackoff(), 0),
    }


def _login(settings: StoreSettings) -> dict[str, Any]:
    """Return what the URL says beside an address: login, database, TLS, and its options."""
    parts = redis.connection.parse_url(settings.redis_url)  # type: ignore[no-untyped-call]  # it has no annotations
    kept = {name: value for name, value in parts.items() if name not in ("host", "port", "connection_class")}
    return {**kept, **({"ssl": True, **_tls(settings)} if settings.is_tls else {})}


def _tls(settings: StoreSettings) -> dict[str, str]:
    files = {
        "ssl_ca_certs": settings.tls.ca_file,
        "ssl_certfile": settings.tls.certificate_file,
        "ssl_keyfile": settings.tls.key_file,
    }
    return {option: str(path) for option, path in files.items() if path is not None}


def _nodes(settings: StoreSettings, cluster: Cluster) -> list[tuple[str, int]]:
    """Return where a cluster is met first: its nodes, or else the server of the URL."""
    if cluster.nodes:
        return _pairs(cluster.nodes)
    parts = redis.connection.parse_url(settings.redis_url)  # type: ignore[no-untyped-call]  # it has no annotations
    return [(parts.get("host", "127.0.0.1"), parts.get("port", 6379))]


def _pairs(addresses: tuple[Address, ...]) -> list[tuple[str, int]]:
    return [(address.host.strip("[]"), address.port) for address in addresses]


def _backoff() -> redis.backoff.ExponentialWithJitterBackoff:
    return redis.backoff.ExponentialWithJitterBackoff(cap=_RETRY_CAP_S, base=_RETRY_BASE_S)
