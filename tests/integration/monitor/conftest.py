"""A monitor that listens on a real port, in this process, and looks at the store more often than usual."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import grpc.aio
import pytest

from bothsides.jobs import v1 as pb
from common.settings import MonitorSettings
from monitor.app import Monitor
from monitor.health import Thresholds

TICK_MS = 20
STALE_AFTER_MS = 400

#: Starts a monitor of the store at a URL and returns a channel to it.
StartMonitor = Callable[..., Awaitable[grpc.aio.Channel]]


@pytest.fixture
async def start_monitor() -> AsyncIterator[StartMonitor]:
    async with AsyncExitStack() as stack:

        async def start(url: str, *, silence_s: float = 15.0) -> grpc.aio.Channel:
            settings = MonitorSettings.from_environment({"REDIS_URL": url, "MONITOR_ADDR": "127.0.0.1:0"})
            monitor = Monitor(
                settings,
                thresholds=Thresholds(stale_after_ms=STALE_AFTER_MS),
                tick_ms=TICK_MS,
                silence_s=silence_s,
            )
            stack.push_async_callback(monitor.stop)
            port = await monitor.start()
            return await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))

        yield start


@pytest.fixture
async def channel(valkey: str, start_monitor: StartMonitor) -> grpc.aio.Channel:
    """A channel to a monitor of the test's server."""
    return await start_monitor(valkey)


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return pb.MonitorServiceStub(channel)
