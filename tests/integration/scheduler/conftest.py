"""A scheduler without credentials, on the test's own store."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis

from support.scheduler import BareWorker, Served, serving


@pytest.fixture
async def scheduler(valkey: str) -> AsyncIterator[Served]:
    async with serving(valkey) as served:
        yield served


@pytest.fixture
def worker(client: redis.Redis) -> BareWorker:
    """Works on the queue of generic jobs."""
    return BareWorker(client)
