"""Settles the accounts of attempts that failed or were lost: job, batch and tenant tell the same of them.

Every replica may; accounts are given to one of them at a time, and each step may be repeated.
"""

from __future__ import annotations

from typing import Final

from common.store import jobs
from common.store.jobs import DueAccount, Settled
from common.store.keys import queue_keys
from common.store.operation import AsyncRunner
from common.store.provider.budgets import close_attempt

#: Accounts that are settled at once.
AT_ONCE: Final = 50
#: While calls of an attempt are under way: their leases run out, if nobody is there to keep them up (ms).
OPEN_MS: Final = 5_000
#: A worker that was only cut off may bring an answer yet: it is looked for once more after this (ms).
LATE_MS: Final = 600_000


class Accounts:
    """Brings the accounts of jobs and the books of tenants together."""

    def __init__(self, store: AsyncRunner, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    async def settle(self, queue: str, *, now_ms: int | None = None) -> int:
        """Settle some of those that are due in a queue. Returns how many jobs' accounts have changed.

        Raises:
            JobsError: The store does not answer.
        """
        keys = queue_keys(self._namespace, queue)
        due = await self._store.run(jobs.take_accounts(keys, AT_ONCE, now_ms=now_ms))
        if not due:
            return 0
        settled = [await self._settled(each, now_ms) for each in due]
        return await self._store.run(jobs.settle_accounts(keys, settled, now_ms=now_ms))

    async def _settled(self, due: DueAccount, now_ms: int | None) -> Settled:
        closed = await self._store.run(
            close_attempt(self._namespace, due.tenant, due.attempt, batch_id=due.batch_id, now_ms=now_ms)
        )
        if closed is None:
            return Settled(due.attempt, None)
        again_ms = OPEN_MS if closed.is_open else LATE_MS if due.is_lost else None
        return Settled(due.attempt, closed.paid, again_ms)
