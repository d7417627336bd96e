"""A broker whose server can be made to go away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.broker import JobBroker
from support.proxied import client_behind, proxy_before
from support.proxy import LossyProxy


@pytest.fixture
def proxy(valkey: str) -> Iterator[LossyProxy]:
    """What stands between `broker` and its server."""
    with proxy_before(valkey) as between:
        yield between


@pytest.fixture
def broker(proxy: LossyProxy, valkey: str) -> Iterator[JobBroker]:
    """A broker behind the proxy, with leases that outlast every fault."""
    with client_behind(proxy, valkey) as client:
        made = JobBroker(client, namespace="lossy", lease_ms=10_000)
        yield made
        made.close()
