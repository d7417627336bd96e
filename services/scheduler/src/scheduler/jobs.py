"""What may be asked about a job that exists: read it, change it, cancel it, retry it, delete it.

A job of another tenant does not exist for the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from common.errors import (
    EtagMismatch,
    FileStoreUnavailable,
    JobNotCancellable,
    JobNotDeletable,
    JobNotFound,
    JobNotMutable,
    JobNotRetryable,
)
from common.files.content import FileDamaged, OtherKey
from common.files.files import Files
from common.files.filing import drive_async, retrying
from common.files.store import FileMissing
from common.job.ids import queue_of
from common.job.model import Job, Part
from common.store import jobs, queue_settings
from common.store.filed import filed_of
from common.store.jobs import NoPart, Snapshot, Verdict
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
    """The jobs of one namespace.

    Args:
        files: Where large arguments may be; None: jobs that have theirs in a file are shown without them.
    """

    def __init__(self, store: AsyncRunner, namespace: str, files: Files | None = None) -> None:
        self._store = store
        self._namespace = namespace
        self._files = files

    async def get(
        self, job_id: str, tenant: str, *, full: bool = False, needs_files: bool = True
    ) -> Snapshot:
        """Read a job; `full` reads its message, result and parts too.

        Args:
            needs_files: Else a job whose arguments are in a file that cannot be read now comes without them.

        Raises:
            JobNotFound: There is no such job of this tenant.
            FileStoreUnavailable: Its arguments are in a file that cannot be read now.
        """
        snapshot = await self.get_unfiled(job_id, tenant, full=full)
        if not full:
            return snapshot
        try:
            return await self._with_files(self.keys_of(job_id), snapshot)
        except FileStoreUnavailable:
            if needs_files:
                raise
            return snapshot

    async def get_unfiled(self, job_id: str, tenant: str, *, full: bool = False) -> Snapshot:
        """Read a job without what is in files; errors as for `get`."""
        snapshot = await self._store.run(jobs.get(self.keys_of(job_id), job_id, full=full))
        if snapshot is None or snapshot.job.tenant != tenant:
            raise JobNotFound(job_id)
        return snapshot

    async def _with_files(self, keys: QueueKeys, snapshot: Snapshot) -> Snapshot:
        payload = await self._whole(keys, snapshot.payload, snapshot.job.tenant)
        former = [await self._whole(keys, message, snapshot.job.tenant) for message in snapshot.former]
        return replace(snapshot, payload=payload, former=tuple(former))

    async def _whole(self, keys: QueueKeys, payload: bytes, tenant: str) -> bytes:
        """Return a message with its arguments; without them if their file is lost."""
        filed = filed_of(payload)
        if filed is None:
            return payload
        if self._files is not None:
            with suppress(FileMissing, FileDamaged, OtherKey):
                return await self._files.soon(partial(self._files.read, keys, filed, tenant))
        return filed.whole(b"")

    async def get_many(
        self, job_ids: Sequence[str], tenant: str, *, full: bool, needs_files: bool = True
    ) -> list[Snapshot]:
        """Read a few jobs at once, as `get`: in order, but without those that have gone."""

        async def read(job_id: str) -> Snapshot | None:
            try:
                return await self.get(job_id, tenant, full=full, needs_files=needs_files)
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
            FileStoreUnavailable: It needs a file, which could not be written.
        """
        keys = self.keys_of(job_id)
        if self._files is not None and is_large(payload):
            steps = retrying(keys, job_id, tenant, payload, self._files)
            return await self._retried(job_id, tenant, await drive_async(steps, self._store, self._files))
        if is_large(payload):
            operation = await asyncio.to_thread(jobs.retry, keys, job_id, tenant=tenant, payload=payload)
        else:
            operation = jobs.retry(keys, job_id, tenant=tenant, payload=payload)
        return await self._retried(job_id, tenant, await self._store.run(operation))

    async def _retried(self, job_id: str, tenant: str, verdict: Verdict) -> Job:
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
