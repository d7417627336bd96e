"""The monitor put together: a client of the store, the collector, the board and the server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import grpc.aio

from bothsides.jobs import v1 as pb
from common.rpc.server import Server, Service
from common.settings import MonitorSettings
from common.store.checks import check_servers_async
from common.store.clients import async_redis_client
from common.store.operation import AsyncRunner
from common.store.servers import read_servers_async
from monitor.collector import LOOK_TIMEOUT_MS, TICK_MS, Collector
from monitor.health import Severity, Thresholds
from monitor.reports import ReportBoard
from monitor.servicer import SILENCE_S, MonitorServicer

SERVICE_NAME: Final = "bothsides.jobs.v1.MonitorService"


class Monitor:
    """One running monitor. `start` it, `wait`, then `stop` it; each once.

    Args:
        settings: What it serves, and which store it looks at.
        thresholds: When something counts as wrong.
        interceptors: Put around every call.
        tick_ms: From one look at the store to the next.
        silence_s: After how long without a change a watch repeats itself.
    """

    def __init__(
        self,
        settings: MonitorSettings,
        *,
        thresholds: Thresholds | None = None,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        tick_ms: int = TICK_MS,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._settings = settings
        self._tick_ms = tick_ms
        self._client = async_redis_client(settings.store, name="bothsides-monitor")
        self._collector = Collector(
            AsyncRunner(self._client),
            settings.store.namespace,
            servers=partial(read_servers_async, self._client),
            replicated=settings.store.where is not None,
        )
        self._board = ReportBoard(thresholds or Thresholds(), self._collector.reading)
        servicer = MonitorServicer(self._board, silence_s=silence_s)
        service = Service(SERVICE_NAME, pb.add_MonitorServiceServicer_to_server, servicer)
        self._server = Server.build(settings.server, [service], interceptors=interceptors)
        self._serving = True
        self._collecting: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Look once, so that the first answer is a true one, then listen; return the port.

        A store that is away does not keep it from starting: to say so is its work.

        Raises:
            ServerTooOld: The platform cannot run on the store's server.
        """
        await check_servers_async(self._client)
        await self._collector.look()
        port = await self._server.start()
        await self._looked()
        self._collecting = asyncio.create_task(self._collector.run(self._looked, tick_ms=self._tick_ms))
        return port

    async def wait(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set; raise what the collector died of, as old facts must not be served on."""
        if self._collecting is None:
            raise RuntimeError("the monitor was not started")
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({self._collecting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if self._collecting.done():
            await self._collecting

    async def stop(self) -> None:
        """Say NOT_SERVING, end the watches, let calls in progress finish, and let go of the store."""
        await self._report(serving=False)
        self._collector.stop()
        self._board.close()
        await self._server.stop(self._settings.shutdown_ms / 1_000)
        if self._collecting is not None:
            await asyncio.wait({self._collecting}, timeout=2 * LOOK_TIMEOUT_MS / 1_000)
        await self._client.aclose()

    async def _looked(self) -> None:
        serving = self._board.judge().status is not Severity.UNKNOWN
        if serving is not self._serving:
            await self._report(serving=serving)

    async def _report(self, *, serving: bool) -> None:
        self._serving = serving
        for service in ("", SERVICE_NAME):
            await self._server.report(serving=serving, service=service)
