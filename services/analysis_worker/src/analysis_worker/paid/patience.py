"""How long one call waits for its turn before it is held."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Final

from analysis_worker.paid.port import CallHeld
from common.store.jobs import RELEASED_FOR, BlockerKind

#: Times the longest wait: what several waits of one call may take in all.
PATIENCE: Final = 3
#: Who waits for the same moment as all others comes later by up to this part of the wait.
SPREAD: Final = 0.25


class Patience:
    """How long one call has waited, and how long it may.

    Who has stood in line nearly to its end is not sent away because the end comes a little later than was
    foreseen: any wait may be as long as the longest, all of them together a few times that.
    """

    def __init__(self, longest_ms: int) -> None:
        self.longest_ms = longest_ms
        self._ends_s = time.monotonic() + longest_ms * PATIENCE / 1000

    async def wait(self, reason: str, wait_ms: int) -> None:
        """Wait; raises CallHeld instead if that is too long."""
        if wait_ms > self.longest_ms or time.monotonic() + wait_ms / 1000 > self._ends_s:
            raise CallHeld(reason, until(wait_ms))
        if RELEASED_FOR.get(reason) is BlockerKind.CIRCUIT:
            wait_ms = int(wait_ms * random.uniform(1, 1 + SPREAD))
        await asyncio.sleep(wait_ms / 1000)


def until(wait_ms: int) -> int:
    """Return the time in so many ms (Unix ms)."""
    return time.time_ns() // 1_000_000 + wait_ms
