"""The actors of chaos tests. An effect takes a while and is had once, in the sink that EFFECT_SINK names."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import dramatiq

from common.broker import current_job
from support.chaos.sink import FencedSink

_sink = FencedSink(Path(os.environ["EFFECT_SINK"]))


@dramatiq.actor(queue_name="data_processing")
async def effect(duration_ms: float, later_ms: float | None = None) -> None:
    """Have it after `duration_ms`; from the third attempt on, after `later_ms`."""
    job = current_job()
    assert job is not None
    await asyncio.to_thread(_sink.begin, job.job_id, job.attempt, os.getpid())
    if later_ms is not None and job.attempt > 2:
        duration_ms = later_ms
    await asyncio.sleep(duration_ms / 1000)
    await asyncio.to_thread(_sink.write, job.job_id, job.attempt)


@dramatiq.actor(queue_name="data_processing")
async def poison(duration_ms: float) -> None:
    """Kill the process that runs this, as the kernel does when memory runs out."""
    job = current_job()
    assert job is not None
    await asyncio.to_thread(_sink.begin, job.job_id, job.attempt, os.getpid())
    await asyncio.sleep(duration_ms / 1000)
    os.kill(os.getpid(), signal.SIGKILL)
