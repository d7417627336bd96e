"""The collector's loop, with a store that never answers."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import pytest
import redis.asyncio

from common.errors import StoreUnavailable
from common.store.operation import AsyncRunner, Operation
from monitor.collector import Collector

R = TypeVar("R")
PATIENCE_S = 10.0


class SilentStore(AsyncRunner):
    """Takes every operation and answers none."""

    def __init__(self) -> None:
        super().__init__(redis.asyncio.Redis())
        self.asked = 0

    async def run(self, operation: Operation[R]) -> R:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError("an event that nobody sets was set")


async def test_time_goes_on_while_a_look_hangs() -> None:
    """Facts grow old whether a look ends or not, so whoever judges them is called all the same."""
    store = SilentStore()
    collector = Collector(store, "bothsides")
    called = 0
    thrice = asyncio.Event()

    async def looked() -> None:
        nonlocal called
        called += 1
        if called == 3:
            # Then it was the first look that still hung all the while
            assert (store.asked, collector.reading().store_away) == (1, False)
            thrice.set()

    # When it looks
    running = asyncio.create_task(collector.run(looked, tick_ms=1))
    await asyncio.wait_for(thrice.wait(), PATIENCE_S)
    # And once the look was given up, the store is away and the loop ends when told
    collector.stop()
    await asyncio.wait_for(running, PATIENCE_S)
    assert collector.reading().store_away
    assert collector.reading().facts is None


class AwayStore(AsyncRunner):
    """Refuses every operation, as a runner does whose server is gone."""

    def __init__(self) -> None:
        super().__init__(redis.asyncio.Redis())

    async def run(self, operation: Operation[R]) -> R:
        raise StoreUnavailable


async def test_an_outage_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    collector = Collector(AwayStore(), "bothsides")
    for _ in range(5):
        await collector.look()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
