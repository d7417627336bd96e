"""Removes files of large arguments that nobody holds any more, and looks for those that a crash has left.

What may go, and when, is for the store to say (lua/files.lua); every replica may ask, and a file is given to
one of them at a time. A file store that is away is tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from functools import partial
from typing import Final

from common.errors import JobsError
from common.files.files import Files
from common.store import jobs, queues
from common.store.filed import FileName
from common.store.jobs.filing import LIST_EVERY_MS
from common.store.keys import QueueKeys, queue_keys
from common.store.operation import AsyncRunner

#: Between two sweeps (s).
EVERY_S: Final = 5.0
#: Files of one queue that a sweep removes at once, and at most.
AT_ONCE: Final = 50
SWEEPS: Final = 20
_log = logging.getLogger(__name__)


class FileSweeper:
    """Sweeps the files of all queues of one namespace.

    Args:
        list_every_ms: All files of a queue are listed so often by one of the replicas.
    """

    def __init__(
        self,
        store: AsyncRunner,
        namespace: str,
        files: Files,
        *,
        every_s: float = EVERY_S,
        list_every_ms: int = LIST_EVERY_MS,
    ) -> None:
        self._store = store
        self._namespace = namespace
        self._files = files
        self._every_s = every_s
        self._list_every_ms = list_every_ms

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.sweep()
            except JobsError as error:
                _log.debug("files were not swept: %s", error.reason)
            except Exception:
                _log.exception("files were not swept")

    async def sweep(self, *, now_ms: int | None = None) -> int:
        """Remove what is to be removed now; return how many files that were.

        Raises:
            JobsError: The store or the file store does not answer.
        """
        removed = 0
        for queue in await self._store.run(queues.list_queues(self._namespace)):
            keys = queue_keys(self._namespace, queue)
            for _ in range(SWEEPS):
                due = await self._store.run(
                    jobs.take_due(keys, AT_ONCE, list_every_ms=self._list_every_ms, now_ms=now_ms)
                )
                if due.names:
                    await self._remove(keys, due.names)
                    await self._store.run(jobs.note_gone(keys, due.names))
                    removed += len(due.names)
                if due.lists:
                    removed += await self._remove_strays(keys, now_ms)
                if len(due.names) < AT_ONCE:
                    break
        return removed

    async def _remove(self, keys: QueueKeys, names: list[FileName]) -> None:
        await self._files.soon(partial(self._files.remove, keys, names))

    async def _remove_strays(self, keys: QueueKeys, now_ms: int | None) -> int:
        """Go through all files of a queue, and remove those that nobody knows of."""
        removed = 0
        pages: Iterator[list[FileName]] = self._files.names(keys)
        while page := await self._files.soon(partial(next, pages, [])):
            if lost := await self._store.run(jobs.strays(keys, page, now_ms=now_ms)):
                await self._remove(keys, lost)
                removed += len(lost)
        if removed:
            _log.info("%d files that no job holds were removed from the queue %s", removed, keys.queue)
        return removed
