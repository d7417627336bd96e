"""Does what time alone brings about where no worker fetches: promotes, expires, takes back, removes.

Every replica sweeps; what one has done is nothing to do for the next. When the server's memory runs short the
oldest succeeded jobs go before their time, but never the last hundred of a queue. A queue with a budget of
its own for memory keeps within it in the same way.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from common.errors import JobsError
from common.store import queues
from common.store.keys import queue_keys
from common.store.operation import AsyncClient, AsyncRunner
from common.store.servers import read_servers_async

#: Between two sweeps (s): what a job without a worker waits longer for its next state.
EVERY_S: Final = 1.0
#: Sweeps between two looks at the server's memory.
_MEMORY_EVERY: Final = 5
#: From this share of its limit on, memory is short.
SHORT_AT: Final = 0.85
#: Succeeded jobs that one sweep of a queue removes before their time.
SHED_JOBS: Final = 500
#: Sweeps of one queue, one after another, that its budget for memory may take.
SWEEPS_AT_ONCE: Final = 20
_log = logging.getLogger(__name__)


class Sweeper:
    """Sweeps all queues of one namespace.

    Args:
        told: Takes queues of which batches are to hear what became of members.
        settle: Settles accounts of a queue that are due.
    """

    def __init__(
        self,
        client: AsyncClient,
        store: AsyncRunner,
        namespace: str,
        *,
        told: Callable[[str], None] = lambda _: None,
        settle: Callable[[str], Awaitable[object]] | None = None,
        every_s: float = EVERY_S,
    ) -> None:
        self._client = client
        self._told = told
        self._settle = settle
        self._store = store
        self._namespace = namespace
        self._every_s = every_s
        self._short = False
        self._closed = False

    def close(self) -> None:
        """End `run` with the sweep that is under way: redis-py may swallow a cancellation."""
        self._closed = True

    async def run(self) -> None:
        """Sweep until closed or cancelled. A store that does not answer is tried again."""
        for count in itertools.count():
            if self._closed:
                return
            try:
                if count % _MEMORY_EVERY == 0:
                    await self._look_at_memory()
                await self.sweep()
            except JobsError as error:
                _log.debug("not swept: %s", error.reason)
            except Exception:
                _log.exception("not swept")
            await asyncio.sleep(self._every_s)

    async def sweep(self) -> int:
        """Sweep every queue once; return how many jobs were removed."""
        removed = 0
        for queue in await self._store.run(queues.list_queues(self._namespace)):
            keys = queue_keys(self._namespace, queue)
            for turn in range(SWEEPS_AT_ONCE):
                shed = SHED_JOBS if self._short and turn == 0 else 0
                swept = await self._store.run(queues.sweep(keys, shed=shed))
                removed += swept.removed
                if swept.told:
                    self._told(queue)
                if swept.accounts and self._settle is not None:
                    await self._settle(queue)
                if not swept.more:
                    break
        return removed

    async def _look_at_memory(self) -> None:
        # Without the right to ask there are none, and nothing is removed before its time.
        servers = await read_servers_async(self._client)
        short = any(is_short(server.memory_used_bytes, server.memory_limit_bytes) for server in servers)
        if short and not self._short:
            _log.warning("the store's memory is short: succeeded jobs are removed before their time")
        self._short = short


def is_short(used_bytes: int, limit_bytes: int) -> bool:
    """Whether a server is near its memory limit; one without a limit (0) never is."""
    return limit_bytes > 0 and used_bytes > SHORT_AT * limit_bytes
