"""Actors as anyone would write them, for `dramatiq cli_actors`. The server is named by CLI_ACTORS_URL."""

from __future__ import annotations

import os
from pathlib import Path

import dramatiq
import redis

from common.broker import JobBroker, JobInterrupt

broker = JobBroker(redis.Redis.from_url(os.environ["CLI_ACTORS_URL"], protocol=2), namespace="cli")
dramatiq.set_broker(broker)


@dramatiq.actor
def add(x: int, y: int) -> int:
    return x + y


@dramatiq.actor
async def double(x: int) -> int:
    return 2 * x


@dramatiq.actor
def endure(said: str) -> None:
    """Compute for ever; say in a file that it runs, then what ended it."""
    Path(said).write_text("begun")
    try:
        while True:
            sum(range(1_000))
    except JobInterrupt as interrupt:
        Path(said).write_text(type(interrupt).__name__)
        raise
