"""Removes the jobs on a conversation, with their results: done where its erasure asks for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from common.job.ids import JobId
from common.job.model import Job
from common.job.states import FINAL_STATES
from common.store import jobs
from common.store.operation import AsyncRunner
from scheduler.batch.forgetting import PlannedAbout
from scheduler.filters import parse_filter
from scheduler.filters.filter import quoted
from scheduler.jobs import Jobs
from scheduler.search import JobSearch

#: Jobs that one call removes at most.
MOST: Final = 1_000
_WANT: Final = 200
_AT_ONCE: Final = 16
#: Whether cancelled jobs have ended is looked at so often, and after so long each time (s).
_LOOKS: Final = 20
_LOOK_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of jobs."""

    deleted: int
    #: Cancelled, but not stopped yet by their workers.
    ending: int


class JobsAbout:
    """The jobs of one namespace by the conversation that they are on."""

    def __init__(self, store: AsyncRunner, existing: Jobs, search: JobSearch, planned: PlannedAbout) -> None:
        self._store = store
        self._existing = existing
        self._search = search
        self._planned = planned

    async def delete(self, tenant: str, conversation_id: str) -> Removed:
        """Cancel and remove the jobs on a conversation, the newest first, up to MOST; before, those that
        batches are to submit are forgotten, all of them.

        Raises:
            StoreUnavailable: Some are removed; it may be repeated.
        """
        forgotten = await self._planned.forget(tenant, conversation_id)
        wanted = parse_filter(f"conversation_id = {quoted(conversation_id)}")
        slots = asyncio.Semaphore(_AT_ONCE)

        async def delete(job: Job) -> bool:
            async with slots:
                keys = self._existing.keys_of(job.job_id)
                if job.state not in FINAL_STATES:
                    await self._store.run(jobs.cancel(keys, job.job_id, tenant=tenant))
                return await self._delete(job.job_id, tenant)

        looked_at, ending = 0, list[JobId]()
        async for found in self._search.walk(tenant, wanted, want=_WANT):
            taken = found.jobs[: MOST - looked_at]
            gone = await asyncio.gather(*map(delete, taken))
            ending += [job.job_id for job, went in zip(taken, gone, strict=True) if not went]
            looked_at += len(taken)
            if looked_at >= MOST:
                break
        for _ in range(_LOOKS):
            if not ending:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
            ending = [job_id for job_id in ending if not await self._delete(job_id, tenant)]
        return Removed(forgotten + looked_at - len(ending), len(ending))

    async def _delete(self, job_id: str, tenant: str) -> bool:
        """Return whether the job is gone: one that has not ended stays."""
        verdict = await self._store.run(jobs.delete(self._existing.keys_of(job_id), job_id, tenant=tenant))
        return verdict.done or verdict.state is None
