"""An actor that never ends by itself, for workers that are measured."""

from __future__ import annotations

import asyncio

import dramatiq

from common.broker import current_job


@dramatiq.actor(queue_name="data_processing")
async def wait_for_ever() -> None:
    job = current_job()
    if job is not None:
        job.report(0.0, "Waiting")
    await asyncio.Event().wait()
