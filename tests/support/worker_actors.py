"""Plain Dramatiq actors, as anyone would write them, for workers that tests start."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import dramatiq

from common.broker import JobInterrupt, current_job


@dramatiq.actor(queue_name="data_processing")
def multiply(left: int, right: int) -> int:
    return left * right


@dramatiq.actor(queue_name="reports")
def shout(text: str) -> str:
    """Stand on a queue that is not one of the platform's."""
    return text.upper()


@dramatiq.actor(queue_name="data_processing")
async def wait_for_gate(gate: str) -> str:
    """Return once a file is there; a coroutine, so it can be stopped."""
    say_begun()
    while not await asyncio.to_thread(Path(gate).exists):  # noqa: ASYNC110 - the other side is a process
        await asyncio.sleep(0.01)
    return "through"


@dramatiq.actor(queue_name="data_processing", interruptible=False)
def wait_for_gate_whatever_happens(gate: str) -> str:
    """Return once a file is there; on a thread, and not to be interrupted, so nothing can stop it."""
    say_begun()
    while not Path(gate).exists():
        time.sleep(0.01)
    return "through"


@dramatiq.actor(queue_name="data_processing")
def wait_on_a_thread(gate: str, said: str) -> str:
    """Return once a file is there, and say in another one how it went."""
    say_begun()
    try:
        while not Path(gate).exists():
            time.sleep(0.01)
    except JobInterrupt as interrupt:
        Path(said).write_text(type(interrupt).__name__)
        raise
    return "through"


def say_begun() -> None:
    """Report progress, so that a test knows that this code runs."""
    job = current_job()
    assert job is not None
    job.report(0.0, "at the gate")
