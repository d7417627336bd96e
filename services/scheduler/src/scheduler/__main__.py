"""`python -m scheduler`: the composition root, and the only place that reads the environment."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys

import uvloop

from common.logs import configure_logging
from common.rpc.server import AddressNotBound
from common.settings import SchedulerSettings, SettingsError
from common.store.servers import ServerTooOld
from common.telemetry.setup import Telemetry
from scheduler.app import Scheduler

_log = logging.getLogger("scheduler")


def main() -> int:
    """Run until SIGTERM or SIGINT. Returns 0, or 2 if settings, address or server will not do."""
    try:
        settings = SchedulerSettings.from_environment(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    configure_logging(settings.telemetry.log_level)
    telemetry = Telemetry.start("scheduler", settings.telemetry)
    try:
        # It takes a call a tenth less than asyncio's own loop.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, telemetry))
    except (AddressNotBound, ServerTooOld) as error:
        _log.error("%s", str(error))
        return 2
    finally:
        telemetry.shutdown()
    return 0


async def _serve(settings: SchedulerSettings, telemetry: Telemetry) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    scheduler = Scheduler(
        settings,
        own_conversations=settings.conversation_service is None,
        interceptors=telemetry.server_interceptors(),
    )
    try:
        port = await scheduler.start()
        # What is there now stays to the end: collections of a busy server need not go through it.
        gc.freeze()
        # What a call of 1,000 jobs makes is let go with it, and need not be gone through before that.
        gc.set_threshold(10_000)
        _log.info("listening on %s:%d", settings.server.address.host, port)
        await stop.wait()
        _log.info("stopping")
    finally:
        await scheduler.stop()


if __name__ == "__main__":
    sys.exit(main())
