"""The store, for what must be written: tried again, and not left half done by a cancelled task."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from common.errors import StoreUnavailable
from common.store.operation import AsyncRunner, Operation

R = TypeVar("R")

#: Tries of what must be written, and the pauses between them (s): twice as long each time, about 30 s in all.
TRIES: Final = 9
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 8.0
_log = logging.getLogger(__name__)


class Steady:
    """Runs operations; `insist` on those that tell of what has happened already."""

    def __init__(self, store: AsyncRunner) -> None:
        self._store = store

    async def run(self, operation: Operation[R]) -> R:
        return await self._store.run(operation)

    async def insist(self, operation: Operation[R]) -> R | None:
        """Run an operation until the store answers; None if it does not for long. Leases settle it then."""
        pause_s = FIRST_PAUSE_S
        for tries in range(1, TRIES + 1):
            try:
                return await self._store.run(operation)
            except StoreUnavailable:
                if tries == TRIES:
                    break
                await asyncio.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
        _log.error("the store did not take %s in %d tries", operation.script.name, TRIES)
        return None


async def through(work: Coroutine[Any, Any, R]) -> R:
    """Finish `work` even if the task that waits for it is cancelled; the cancel is raised after it."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except BaseException:
            break
    if cancelled is not None:
        if not task.cancelled() and task.exception() is not None:
            _log.warning("what was to be finished failed: %s", type(task.exception()).__name__)
        raise cancelled
    return task.result()
