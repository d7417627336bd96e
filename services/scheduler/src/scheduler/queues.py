"""The queues: what each is set to and holds, and an operator's changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from common.errors import EtagMismatch, InvalidField, QueueNotFound
from common.job.limits import QueueSettings
from common.store import queue_settings, queues, stats
from common.store.keys import QueueKeys, queue_keys
from common.store.operation import AsyncRunner, Operation
from common.store.stats import QueueStatistics
from common.store.workers import WorkerReport, list_workers
from scheduler.paging import PageTokens, page_size_of

#: A change that meets another one is made again so often.
_TRIES: Final = 5
#: The kind of list that tokens are sealed for.
_KIND: Final = "queues"


@dataclass(frozen=True, slots=True)
class QueueReport:
    """A queue at one moment."""

    name: str
    settings: QueueSettings
    statistics: QueueStatistics
    #: Workers that serve it and reported lately.
    workers: Sequence[WorkerReport]

    @property
    def worker_count(self) -> int:
        return len(self.workers)

    @property
    def slots(self) -> int:
        """Jobs that its workers can run at once, if they run no other queue's."""
        most = self.settings.worker_concurrency
        return sum(worker.slots_for(self.name, most) for worker in self.workers)

    @property
    def is_paused(self) -> bool:
        """It starts nothing now."""
        return self.statistics.paused

    @property
    def is_empty(self) -> bool:
        """None of its jobs waits or runs."""
        held = self.statistics
        return held.ready + held.scheduled + held.retrying + held.leased == 0


class Queues:
    """The queues of one namespace."""

    def __init__(self, store: AsyncRunner, namespace: str, tokens: PageTokens) -> None:
        self._store = store
        self._namespace = namespace
        self._tokens = tokens

    async def get(self, name: str) -> QueueReport:
        """Read a queue.

        Raises:
            QueueNotFound: No worker and no job ever named it.
        """
        await self._keys(name)
        return await self._read(name, await self._workers())

    async def page(self, tenant: str, *, page_size: int, page_token: str) -> tuple[list[QueueReport], str]:
        """Return queues by name, and the token of the next page.

        Raises:
            InvalidPageToken: The token is of another list or tenant.
        """
        want = page_size_of(page_size)
        after = (await self._tokens.open(page_token, _KIND, tenant))[0] if page_token else ""
        names = [name for name in await self._store.run(queues.list_queues(self._namespace)) if name > after]
        workers = await self._workers()
        reports = await asyncio.gather(*(self._read(name, workers) for name in names[:want]))
        more = len(names) > want
        return reports, await self._tokens.seal([names[want - 1]], _KIND, tenant) if more else ""

    async def update(
        self,
        name: str,
        change: Callable[[QueueSettings], Mapping[str, str | None]],
        *,
        etag: str = "",
        allow_missing: bool = False,
    ) -> QueueReport:
        """Change settings.

        Args:
            change: Returns the changes to settings as they are, see queue_settings.configure.
            etag: That the settings must have; "" takes any.
            allow_missing: Make the queue if it is not known.

        Raises:
            QueueNotFound: The queue is not known.
            EtagMismatch: The settings have another etag, or others change them all the time.
        """
        keys = await self._keys(name, make=allow_missing)
        for _ in range(_TRIES):
            held = await self._store.run(queue_settings.describe(keys))
            if etag and etag != str(held.revision):
                break
            changes = change(held)
            if await self._store.run(queue_settings.configure(keys, changes, revision=held.revision)):
                return await self._read(name, await self._workers())
        raise EtagMismatch(name)

    async def pause(self, name: str, resume_at_ms: int | None) -> QueueReport:
        """Start nothing any more, until resumed or until a time.

        Raises:
            QueueNotFound: The queue is not known.
            InvalidField: The time has passed.
        """
        report = await self.get(name)
        if resume_at_ms is not None and resume_at_ms <= report.statistics.now_ms:
            raise InvalidField("resume_time", "must be later than now")
        return await self._apply(name, queue_settings.pause(self._at(name), resume_at_ms=resume_at_ms))

    async def resume(self, name: str, ramp_ms: int) -> QueueReport:
        """Go on after a pause or a drain, at once or little by little.

        Raises:
            QueueNotFound: The queue is not known.
        """
        report = await self.get(name)
        slots = report.settings.concurrency or report.slots
        return await self._apply(name, queue_settings.resume(self._at(name), ramp_ms=ramp_ms, slots=slots))

    async def drain(self, name: str) -> QueueReport:
        """Take nothing new, and work off what is there.

        Raises:
            QueueNotFound: The queue is not known.
        """
        keys = await self._keys(name)
        return await self._apply(name, queue_settings.drain(keys))

    async def _apply(self, name: str, operation: Operation[QueueSettings | None]) -> QueueReport:
        await self._store.run(operation)
        return await self._read(name, await self._workers())

    async def _read(self, name: str, workers: Sequence[WorkerReport]) -> QueueReport:
        keys = self._at(name)
        settings, statistics = await asyncio.gather(
            self._store.run(queue_settings.describe(keys)),
            self._store.run(stats.read_stats(keys, totals=False)),
        )
        return QueueReport(
            name, settings, statistics, [worker for worker in workers if name in worker.queues]
        )

    async def _workers(self) -> Sequence[WorkerReport]:
        return (await self._store.run(list_workers(self._namespace)))[1]

    async def _keys(self, name: str, *, make: bool = False) -> QueueKeys:
        """Return the keys of a queue that is known."""
        if make:
            await self._store.run(queues.declare_queue(self._namespace, name))
        elif name not in await self._store.run(queues.list_queues(self._namespace)):
            raise QueueNotFound(name)
        return self._at(name)

    def _at(self, name: str) -> QueueKeys:
        return queue_keys(self._namespace, name)
