"""The probe of the store ends when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from scheduler.readiness import StoreProbe


class Swallowing:
    """A client that lets a cancellation pass, as redis-py's does when it comes at a bad moment."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def exists(self, key: str) -> int:
        self.asked.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return 0


async def test_a_probe_whose_cancellation_was_swallowed_ends_all_the_same() -> None:
    client: Any = Swallowing()

    async def report(serving: bool) -> None:
        pass

    probing = asyncio.create_task(StoreProbe(client, "ns", report).run())
    await client.asked.wait()
    probing.cancel()

    async with asyncio.timeout(10):
        await asyncio.wait({probing})
