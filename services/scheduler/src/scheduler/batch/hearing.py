"""Lets batches hear what becomes of their members: a task a queue, for as long as members of it end.

A queue's own script writes what ended; from there it is noted with the batches, which are in another slot,
and then removed. Whoever dies in between leaves it to another, and what is noted twice counts once.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from time import monotonic
from typing import Final

from common.errors import JobsError
from common.store import batches
from common.store.batches import READ_ENTRIES, Move
from common.store.keys import QueueKeys, queue_keys
from common.store.operation import AsyncRunner

#: Between two looks at a queue whose members end (s): what ends meanwhile shares a script.
LOOK_EVERY_S: Final = 0.1
#: So long without an end, and only the sweeper looks, once a second (s).
QUIET_S: Final = 30.0
#: Moves that one script notes: about a millisecond.
MOVES_AT_ONCE: Final = 400
_log = logging.getLogger(__name__)


class Hearing:
    """What batches of one namespace hear.

    Args:
        step_due: Set when a step of a batch has become due.
    """

    def __init__(self, store: AsyncRunner, namespace: str, step_due: asyncio.Event) -> None:
        self._store = store
        self._namespace = namespace
        self._step_due = step_due
        self._reader = secrets.token_hex(8)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def listen(self, queue: str) -> None:
        """Let batches hear of a queue's members from now on, until nothing is heard of any for a while."""
        if not self._closed and queue not in self._tasks:
            task = asyncio.create_task(self._listen(queue))
            self._tasks[queue] = task
            task.add_done_callback(lambda _: self._tasks.pop(queue))

    async def close(self) -> None:
        """End with what is being noted."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _listen(self, queue: str) -> None:
        keys = queue_keys(self._namespace, queue)
        heard_s = monotonic()
        try:
            while not self._closed and monotonic() - heard_s < QUIET_S:
                mine, heard = await self._hear(keys)
                if not mine:
                    return
                if heard:
                    heard_s = monotonic()
                if heard < READ_ENTRIES:
                    await asyncio.sleep(LOOK_EVERY_S)
        except JobsError as error:
            _log.debug("batches do not hear of %s for now: %s", queue, error.reason)
        except Exception:
            _log.exception("batches do not hear of %s for now", queue)

    async def _hear(self, keys: QueueKeys) -> tuple[bool, int]:
        """Return whether it is this one that reads, and how many entries there were."""
        taken = await self._store.run(batches.take_moves(keys, self._reader))
        if taken.entry_ids:
            for start in range(0, len(taken.moves), MOVES_AT_ONCE):
                await self._note(taken.moves[start : start + MOVES_AT_ONCE])
            await self._store.run(batches.moves_done(keys, taken.entry_ids))
        return taken.mine, len(taken.entry_ids)

    async def _note(self, moves: Sequence[Move]) -> None:
        if await self._store.run(batches.apply_moves(self._namespace, moves)):
            self._step_due.set()
