"""All the way round: submitted in bulk, run by two worker processes, seen to succeed by a packed watch."""

from __future__ import annotations

import asyncio
import os
from functools import partial

import grpc.aio

from bothsides.jobs import v1 as pb
from bothsides_stack.embedded import EmbeddedServer
from measure.calls import OPTIONS, bulk, generic_job
from measure.machine import Meter
from measure.programs import scheduler
from measure.report import Sample, Section, in_turn
from measure.systems import Ours
from measure.workers import QUEUE

_A_CALL = 500
_BULKS_AT_ONCE = 3


def end_to_end(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Measure from the first CreateJobs until the watch has told of the last SUCCEEDED."""
    count = int(20_000 * scale) // _A_CALL * _A_CALL
    system = Ours("ours", server.url, 1)
    with scheduler(server.url) as (address, pid), system.workers() as workers:
        pids: dict[str, int | list[int]] = {
            "client": os.getpid(),
            "scheduler": pid,
            "workers": workers,
            "store": server.pid,
        }

        def measure() -> Sample:
            with Meter(pids) as meter:
                asyncio.run(_round(address, count))
            return Sample(count / meter.elapsed_s, meter.cpu_us(count))

        rows = in_turn(rounds, {"jobs seen to succeed": measure})
    return Section(
        f"End to end: CreateJobs at {_A_CALL} a call, 2 x 1 thread, one WatchJobs",
        "jobs/s",
        list(rows.values()),
        bars={"jobs seen to succeed": "bar 10,000"},
    )


async def _round(address: str, count: int) -> None:
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        stub: pb.JobServiceAsyncStub = pb.JobServiceStub(channel)
        watch = stub.WatchJobs(pb.WatchJobsRequest())
        await watch.initial_metadata()
        seen = asyncio.create_task(_seen(watch, count))
        left = iter(range(count // _A_CALL))

        async def lane() -> None:
            for _ in left:
                await stub.CreateJobs(bulk(partial(generic_job, "number", queue=QUEUE), _A_CALL))

        await asyncio.gather(*(lane() for _ in range(_BULKS_AT_ONCE)))
        await seen
        watch.cancel()


async def _seen(
    watch: grpc.aio.UnaryStreamCall[pb.WatchJobsRequest, pb.WatchJobsResponse], count: int
) -> None:
    succeeded = 0
    async for message in watch:
        for event in message.events:
            change = event.WhichOneof("event")
            if change == "state_change":
                succeeded += event.state_change.state == pb.Job.SUCCEEDED
            elif change == "snapshot":
                succeeded += event.snapshot.state == pb.Job.SUCCEEDED
        if succeeded >= count:
            return
