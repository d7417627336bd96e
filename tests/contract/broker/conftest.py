"""Brokers on a real server, for the tests of what Dramatiq and its users expect of one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from common.broker import JobBroker
from support.proxied import client_behind, proxy_before
from support.proxy import LossyProxy


@pytest.fixture
def broker(client: redis.Redis) -> Iterator[JobBroker]:
    """A broker with short leases, closed at the end."""
    made = JobBroker(client, namespace="contract", lease_ms=2_000)
    yield made
    made.close()


@pytest.fixture
def proxy(valkey: str) -> Iterator[LossyProxy]:
    """What stands between `proxied_broker` and its server."""
    with proxy_before(valkey) as between:
        yield between


@pytest.fixture
def proxied_broker(proxy: LossyProxy, valkey: str) -> Iterator[JobBroker]:
    """A broker whose server can be made to go away."""
    with client_behind(proxy, valkey) as client:
        made = JobBroker(client, namespace="contract", lease_ms=2_000)
        yield made
        made.close()
