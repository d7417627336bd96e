"""Analyses and insights kept in the built-in store, fenced by the attempt that writes."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar

from analysis_worker.sources.port import erased_meanwhile
from common.errors import StoreFull, StoreUnavailable
from common.job.failure import AttemptFailed
from common.job.ids import JobId
from common.job.model import ErrorClass
from common.store.documents import ANALYSES, INSIGHTS, put_document
from common.store.erasure import forget_document, note_insights
from common.store.operation import LoopRunner

T = TypeVar("T")


class StoredAnalyses:
    """Writes what AnalysisService of the scheduler reads; an AnalysisSink and an InsightsSink.

    Args:
        kept_elsewhere: Conversations are not in this store, so that nothing here tells whether one is gone.
    """

    def __init__(self, runner: LoopRunner, namespace: str, *, kept_elsewhere: bool = False) -> None:
        self._runner = runner
        self._namespace = namespace
        self._kept_elsewhere = kept_elsewhere

    async def keep(
        self, tenant: str, conversation_id: str, analysis: bytes, *, job_id: JobId, attempt: int
    ) -> bool:
        """Keep the analysis, unless it is stale; errors as the port says."""
        return await self._keep(ANALYSES, tenant, conversation_id, analysis, job_id, attempt)

    async def keep_insights(
        self,
        tenant: str,
        participant_id: str,
        insights: bytes,
        *,
        rests_on: Sequence[str],
        job_id: JobId,
        attempt: int,
    ) -> bool:
        """Keep the insights, unless they are stale; errors as the port says."""

        async def note() -> bool:
            for conversation_id in rests_on:
                noting = note_insights(
                    self._namespace,
                    tenant,
                    conversation_id,
                    participant_id,
                    kept_elsewhere=self._kept_elsewhere,
                )
                if not await self._runner.run(noting):
                    return False
            return True

        # Before they are kept, so that an erasure finds them; and again after it, for one that came between.
        if not await self._told(note()):
            raise erased_meanwhile()
        kept = await self._keep(INSIGHTS, tenant, participant_id, insights, job_id, attempt)
        if kept and not await self._told(note()):
            forget = forget_document(self._namespace, INSIGHTS, tenant, participant_id)
            await self._told(self._runner.run(forget))
            raise erased_meanwhile()
        return kept

    async def _keep(
        self, kind: str, tenant: str, document_id: str, body: bytes, job_id: JobId, attempt: int
    ) -> bool:
        operation = put_document(
            self._namespace,
            kind,
            tenant,
            document_id,
            body=body,
            about=b"{}",
            job_id=job_id,
            attempt=attempt,
        )
        return await self._told(self._runner.run(operation)) != 0

    @staticmethod
    async def _told(work: Awaitable[T]) -> T:
        try:
            return await work
        except (StoreUnavailable, StoreFull) as error:
            raise AttemptFailed(
                ErrorClass.TRANSIENT, error.reason, error.message, retry_after_ms=error.retry_after_ms
            ) from error
