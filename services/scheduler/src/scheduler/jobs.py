"""What may be asked about a job that exists: read it, cancel it, retry it.

A job of another tenant does not exist for the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from common.errors import JobNotCancellable, JobNotFound, JobNotRetryable
from common.job.ids import queue_of
from common.job.model import Job
from common.store import jobs
from common.store.jobs import Snapshot
from common.store.keys import QueueKeys
from common.store.operation import AsyncRunner


class Jobs:
    """The jobs of one namespace."""

    def __init__(self, store: AsyncRunner, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    async def get(self, job_id: str, tenant: str, *, full: bool = False) -> Snapshot:
        """Read a job; `full` reads its message, result and parts too.

        Raises:
            JobNotFound: There is no such job of this tenant.
        """
        snapshot = await self._store.run(jobs.get(self.keys_of(job_id), job_id, full=full))
        if snapshot is None or snapshot.job.tenant != tenant:
            raise JobNotFound(job_id)
        return snapshot

    async def get_many(self, job_ids: Sequence[str], tenant: str) -> list[Snapshot]:
        """Read a few jobs in full at once: in order, but without those that have gone."""

        async def read(job_id: str) -> Snapshot | None:
            try:
                return await self.get(job_id, tenant, full=True)
            except JobNotFound:
                return None

        snapshots = await asyncio.gather(*map(read, job_ids))
        return [snapshot for snapshot in snapshots if snapshot is not None]

    async def cancel(self, job_id: str, tenant: str) -> Job:
        """Stop a job, at once if it waits. Cancelling again is harmless.

        Raises:
            JobNotFound: There is no such job of this tenant.
            JobNotCancellable: It ended in another way.
        """
        verdict = await self._store.run(jobs.cancel(self.keys_of(job_id), job_id, tenant=tenant))
        if verdict.state is None:
            raise JobNotFound(job_id)
        if not verdict.done:
            raise JobNotCancellable(job_id, verdict.state.value)
        return (await self.get(job_id, tenant)).job

    async def retry(self, job_id: str, tenant: str) -> Job:
        """Start a FAILED, CANCELLED or EXPIRED job anew.

        Raises:
            JobNotFound: There is no such job of this tenant.
            JobNotRetryable: Its state is another.
        """
        verdict = await self._store.run(jobs.retry(self.keys_of(job_id), job_id, tenant=tenant))
        if verdict.state is None:
            raise JobNotFound(job_id)
        if not verdict.done:
            raise JobNotRetryable(job_id, verdict.state.value)
        return (await self.get(job_id, tenant)).job

    def keys_of(self, job_id: str) -> QueueKeys:
        """Return the keys of the queue that an id names.

        Raises:
            JobNotFound: It is no job id.
        """
        queue = queue_of(job_id)
        if queue is None:
            raise JobNotFound(job_id)
        return QueueKeys(self._namespace, queue)
