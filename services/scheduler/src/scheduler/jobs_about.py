"""Removes the final jobs on a conversation, with their results: done where its erasure asks for it."""

from __future__ import annotations

import asyncio
from typing import Final

from common.job.states import FINAL_STATES
from common.store import jobs
from common.store.operation import AsyncRunner
from scheduler.filters import parse_filter
from scheduler.filters.filter import quoted
from scheduler.jobs import Jobs
from scheduler.search import JobSearch

#: Jobs that one call removes at most.
MOST: Final = 1_000
_WANT: Final = 200
_AT_ONCE: Final = 16


class JobsAbout:
    """The jobs of one namespace by the conversation that they are on."""

    def __init__(self, store: AsyncRunner, existing: Jobs, search: JobSearch) -> None:
        self._store = store
        self._existing = existing
        self._search = search

    async def delete(self, tenant: str, conversation_id: str) -> int:
        """Remove the final jobs on a conversation, the newest first; return how many there were, up to MOST.

        Raises:
            StoreUnavailable: Some are removed; it may be repeated.
        """
        wanted = parse_filter(f"conversation_id = {quoted(conversation_id)}").among_states(FINAL_STATES)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def delete(job_id: str) -> bool:
            async with slots:
                keys = self._existing.keys_of(job_id)
                return (await self._store.run(jobs.delete(keys, job_id, tenant=tenant))).done

        deleted = 0
        async for found in self._search.walk(tenant, wanted, want=_WANT):
            taken = found.jobs[: MOST - deleted]
            deleted += sum(await asyncio.gather(*(delete(job.job_id) for job in taken)))
            if deleted >= MOST:
                break
        return deleted
