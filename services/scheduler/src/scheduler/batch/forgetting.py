"""Takes jobs on an erased conversation out of the plans of batches, before they are submitted."""

from __future__ import annotations

from typing import Final

from common.job.batch import Batch
from common.store import batches
from common.store.operation import AsyncRunner

#: Batches of one look.
_LOOK: Final = 100


class PlannedAbout:
    """The jobs of one namespace that are to be submitted, by the conversation that they are on."""

    def __init__(self, store: AsyncRunner, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    async def forget(self, tenant: str, conversation_id: str) -> int:
        """Forget the planned jobs on a conversation; return how many there were.

        Raises:
            StoreUnavailable: Some are forgotten; it may be repeated.
        """
        gone, after = 0, ""
        while True:
            page = await self._store.run(
                batches.list_batches(self._namespace, tenant, after=after, want=_LOOK)
            )
            for batch in page:
                if batch.counts.unsubmitted:
                    gone += await self._forget_in(batch, conversation_id)
            if len(page) < _LOOK:
                return gone
            after = page[-1].batch_id

    async def _forget_in(self, batch: Batch, conversation_id: str) -> int:
        gone, skip = 0, 0
        while True:
            page = await self._store.run(
                batches.read_plan(self._namespace, batch.tenant, batch.batch_id, skip=skip)
            )
            for planned in page:
                about = [job.job_id for job in planned.requests if job.conversation_id == conversation_id]
                if about:
                    operation = batches.forget_planned(
                        self._namespace, batch.tenant, batch.batch_id, planned, about
                    )
                    gone += await self._store.run(operation)
            if len(page) < batches.ENTRIES:
                return gone
            skip += len(page)
