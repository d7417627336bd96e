"""What may be asked about a job that exists: read it, change it, cancel it, retry it, delete it.

A job of another tenant does not exist for the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Final

from common.errors import (
    EtagMismatch,
    JobNotCancellable,
    JobNotDeletable,
    JobNotFound,
    JobNotMutable,
    JobNotRetryable,
)
from common.job.ids import queue_of
from common.job.model import Job, Part
from common.store import jobs, queue_settings
from common.store.jobs import NoPart, Snapshot
from common.store.keys import QueueKeys, queue_keys
from common.store.operation import AsyncRunner
from common.store.packing import is_large
from scheduler.amending import Amendment, check_mutable, record_changes

#: A change that meets another one is made again so often.
_TRIES: Final = 5


def etag_of(job: Job) -> str:
    """Return what changes with every change of a job."""
    return f"{job.attempt}-{job.revision}"


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

    async def get_many(self, job_ids: Sequence[str], tenant: str, *, full: bool) -> list[Snapshot]:
        """Read a few jobs at once, as `get`: in order, but without those that have gone."""

        async def read(job_id: str) -> Snapshot | None:
            try:
                return await self.get(job_id, tenant, full=full)
            except JobNotFound:
                return None

        snapshots = await asyncio.gather(*map(read, job_ids))
        return [snapshot for snapshot in snapshots if snapshot is not None]

    async def part(self, job_id: str, name: str, entry_id: str) -> Part | NoPart:
        """Read a part of a job as an entry of the event stream told of it."""
        return await self._store.run(jobs.read_part(self.keys_of(job_id), job_id, name, entry_id))

    async def records(self, queue: str, job_ids: Sequence[str]) -> list[Job]:
        """Read records of one queue, of any tenant: in order, but without those that have gone."""
        return await self._store.run(jobs.read_records(queue_keys(self._namespace, queue), job_ids))

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

    async def update(
        self,
        job_id: str,
        tenant: str,
        fields: Collection[str],
        change: Callable[[Job], Amendment],
        *,
        etag: str = "",
    ) -> Job:
        """Change a job that waits.

        Args:
            fields: Of the contract, that change.
            change: Returns what a job as it is now is to become.
            etag: That the job must have; "" takes any.

        Raises:
            JobNotFound: There is no such job of this tenant.
            JobNotMutable: It does not wait, or not so that these fields could change.
            EtagMismatch: It has another etag, or others change it all the time.
            InvalidField: It cannot become so.
        """
        keys = self.keys_of(job_id)
        for _ in range(_TRIES):
            job = (await self.get(job_id, tenant)).job
            if etag and etag != etag_of(job):
                break
            check_mutable(job, fields)
            settings = await self._store.run(queue_settings.describe(keys))
            changes, index = record_changes(change(job), settings.indexed_labels)
            verdict = await self._store.run(
                jobs.update(keys, job_id, changes, tenant=tenant, index=index, revision=job.revision)
            )
            if verdict.done:
                return (await self.get(job_id, tenant)).job
            if verdict.revision is None:
                raise JobNotFound(job_id) if verdict.state is None else JobNotMutable(job_id, verdict.state)
        raise EtagMismatch(job_id)

    async def delete(self, job_id: str, tenant: str) -> None:
        """Remove a final job and all that is kept of it.

        Raises:
            JobNotFound: There is no such job of this tenant.
            JobNotDeletable: It is not final.
        """
        verdict = await self._store.run(jobs.delete(self.keys_of(job_id), job_id, tenant=tenant))
        if verdict.state is None:
            raise JobNotFound(job_id)
        if not verdict.done:
            raise JobNotDeletable(job_id, verdict.state.value)

    async def retry(self, job_id: str, tenant: str, payload: bytes = b"") -> Job:
        """Start a FAILED, CANCELLED or EXPIRED job anew, with another message if there is a `payload`.

        Raises:
            JobNotFound: There is no such job of this tenant.
            JobNotRetryable: Its state is another.
            InvalidField: The message is too large.
        """
        keys = self.keys_of(job_id)
        if is_large(payload):
            operation = await asyncio.to_thread(jobs.retry, keys, job_id, tenant=tenant, payload=payload)
        else:
            operation = jobs.retry(keys, job_id, tenant=tenant, payload=payload)
        verdict = await self._store.run(operation)
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
        return queue_keys(self._namespace, queue)


def size_of(snapshot: Snapshot) -> int:
    """Return the size of what makes a job large (bytes)."""
    contents = [part.content for part in snapshot.parts]
    if snapshot.result is not None:
        contents.append(snapshot.result)
    return len(snapshot.payload) + sum(len(content.data) for content in contents)
