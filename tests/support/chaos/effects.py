"""The actor of chaos tests: it takes a while and has one effect, in the sink that EFFECT_SINK names."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import dramatiq

from common.broker import current_job
from support.chaos.sink import FencedSink

_sink = FencedSink(Path(os.environ["EFFECT_SINK"]))


@dramatiq.actor(queue_name="data_processing")
async def effect(duration_ms: float) -> None:
    job = current_job()
    assert job is not None
    await asyncio.to_thread(_sink.begin, job.job_id, job.attempt, os.getpid())
    await asyncio.sleep(duration_ms / 1000)
    await asyncio.to_thread(_sink.write, job.job_id, job.attempt)
