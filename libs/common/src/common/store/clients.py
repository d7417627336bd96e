"""Clients of Valkey or Redis, with every choice made here and none left to a default.

A command that fails because the connection did is sent again a few times. That is safe because every
operation of the store may be repeated. A client of either kind is shared by its whole process.
"""

from __future__ import annotations

from typing import Final

import redis
import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.retry

from common.settings import StoreSettings
from common.store.packing import pack_by_hiredis

#: How long a reply may take (s). Above every blocking wait: `fetch` waits ≤ 1 s, a watch's XREAD ≤ 2 s.
SOCKET_TIMEOUT_S: Final = 5.0
#: How long making a connection may take (s).
CONNECT_TIMEOUT_S: Final = 2.0
#: A connection that was idle for longer (s) is tried with a PING before it is used again.
HEALTH_CHECK_S: Final = 15
#: Repeats after a failed connection, with full jitter between them: 10 ms, 20 ms, 40 ms, ... at most 500 ms.
RETRIES: Final = 3
_RETRY_BASE_S: Final = 0.01
_RETRY_CAP_S: Final = 0.5
#: Connections of one asynchronous client. More concurrent commands than this wait for one to be free, so that
#: a burst of calls does not become a burst of connections.
MAX_CONNECTIONS: Final = 64


def redis_client(settings: StoreSettings, *, name: str | None = None) -> redis.Redis:
    """Return a client for threads; replies are bytes in their RESP2 shapes.

    Args:
        name: Shown by CLIENT LIST, to tell which service a connection belongs to.
    """
    return redis.Redis.from_url(
        settings.redis_url,
        protocol=2,
        decode_responses=False,
        client_name=name,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=HEALTH_CHECK_S,
        retry=redis.retry.Retry(_backoff(), RETRIES),
    )


def async_redis_client(
    settings: StoreSettings, *, name: str | None = None, max_connections: int = MAX_CONNECTIONS
) -> redis.asyncio.Redis:
    """Return a client for one event loop; replies are bytes in their RESP2 shapes.

    Args:
        name: Shown by CLIENT LIST, to tell which service a connection belongs to.
        max_connections: Commands that block (XREAD) hold a connection each: give them a client of their own.
    """
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        settings.redis_url,
        max_connections=max_connections,
        timeout=SOCKET_TIMEOUT_S,
        protocol=2,
        decode_responses=False,
        client_name=name,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=HEALTH_CHECK_S,
        retry=redis.asyncio.retry.Retry(_backoff(), RETRIES),
    )
    pack_by_hiredis(pool)
    return redis.asyncio.Redis.from_pool(pool)


def _backoff() -> redis.backoff.ExponentialWithJitterBackoff:
    return redis.backoff.ExponentialWithJitterBackoff(cap=_RETRY_CAP_S, base=_RETRY_BASE_S)
