"""Actors that never end by themselves, for workers that are measured."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import dramatiq

from common.broker import current_job


@dramatiq.actor(queue_name="data_processing")
async def wait_for_ever() -> None:
    job = current_job()
    if job is not None:
        job.report(0.0, "Waiting")
    await asyncio.Event().wait()


@dramatiq.actor(queue_name="data_processing", isolated=True)
def compute_for_ever(begun: str) -> None:
    """Write the process id to a file; look at nothing from then on."""
    scratch = Path(begun).with_suffix(".part")
    scratch.write_text(str(os.getpid()))
    scratch.replace(begun)
    while True:
        pass


@dramatiq.actor(queue_name="data_processing")
def spin_for_ever() -> None:
    """Compute on a thread of the worker, and look at nothing."""
    job = current_job()
    if job is not None:
        job.report(0.0, "Computing")
    while True:
        pass
