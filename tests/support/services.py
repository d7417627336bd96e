"""A monitor on a real port, and calls of the actors that tests bring, for stores of any shape."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio

from bothsides.jobs import v1 as pb
from common.settings import MonitorSettings
from monitor.app import Monitor
from support.places import Place


@asynccontextmanager
async def monitoring(place: Place) -> AsyncIterator[Any]:
    """Serve a monitor; yields a stub."""
    variables = {**place.variables, "MONITOR_ADDR": "127.0.0.1:0", "MONITOR_SHUTDOWN_MS": "0"}
    monitor = Monitor(MonitorSettings.from_environment(variables), tick_ms=50)
    try:
        port = await monitor.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield pb.MonitorServiceStub(channel)
    finally:
        await monitor.stop()


def call(actor: str, *arguments: Any, queue: str = "data_processing") -> pb.CreateJobRequest:
    """Return a request for a call of one of support/worker_actors."""
    spec = pb.GenericSpec(actor=actor, queue=queue)
    for argument in arguments:
        if isinstance(argument, str):
            spec.args.add(string_value=argument)
        else:
            spec.args.add(number_value=argument)
    return pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=spec)))
