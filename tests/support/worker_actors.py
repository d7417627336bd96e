"""Plain Dramatiq actors, as anyone would write them, for workers that tests start."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import dramatiq


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
    while not await asyncio.to_thread(Path(gate).exists):  # noqa: ASYNC110 - the other side is a process
        await asyncio.sleep(0.01)
    return "through"


@dramatiq.actor(queue_name="data_processing")
def wait_for_gate_whatever_happens(gate: str) -> str:
    """Return once a file is there; on a thread, so nothing can stop it."""
    while not Path(gate).exists():
        time.sleep(0.01)
    return "through"
