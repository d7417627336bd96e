"""Clients that reach the server through a proxy which tests can make fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from support.proxy import LossyProxy


@contextmanager
def proxy_before(url: str) -> Iterator[LossyProxy]:
    """A proxy before the server at `url`."""
    parts = urlsplit(url)
    with LossyProxy(parts.hostname or "127.0.0.1", parts.port or 6379) as proxy:
        yield proxy


def url_behind(proxy: LossyProxy, url: str) -> str:
    """Return the URL of the proxy, with the login of the server's."""
    server = urlsplit(url)
    return urlunsplit(server._replace(netloc=f":{server.password}@127.0.0.1:{proxy.port}"))


@contextmanager
def client_behind(proxy: LossyProxy, url: str, *, timeout_s: float = 5) -> Iterator[redis.Redis]:
    """A client of the proxy, which repeats a command once on a new connection.

    Args:
        timeout_s: How long it waits for a reply.
    """
    with redis.Redis(
        port=proxy.port,
        password=urlsplit(url).password,
        protocol=2,
        retry=Retry(ConstantBackoff(0.01), 1),
        socket_timeout=timeout_s,
    ) as client:
        yield client
