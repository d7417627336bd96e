"""Analyses and insights kept in the built-in store, fenced by the attempt that writes."""

from __future__ import annotations

import asyncio

from common.errors import StoreFull, StoreUnavailable
from common.job.failure import AttemptFailed
from common.job.ids import JobId
from common.job.model import ErrorClass
from common.store.documents import ANALYSES, INSIGHTS, put_document
from common.store.operation import SyncRunner


class StoredAnalyses:
    """Writes what AnalysisService of the scheduler reads; an AnalysisSink and an InsightsSink."""

    def __init__(self, runner: SyncRunner, namespace: str) -> None:
        self._runner = runner
        self._namespace = namespace

    async def keep(
        self, tenant: str, conversation_id: str, analysis: bytes, *, job_id: JobId, attempt: int
    ) -> bool:
        """Keep the analysis, unless it is stale; errors as the port says."""
        return await self._keep(ANALYSES, tenant, conversation_id, analysis, job_id, attempt)

    async def keep_insights(
        self, tenant: str, participant_id: str, insights: bytes, *, job_id: JobId, attempt: int
    ) -> bool:
        """Keep the insights, unless they are stale; errors as the port says."""
        return await self._keep(INSIGHTS, tenant, participant_id, insights, job_id, attempt)

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
        try:
            written_ms = await asyncio.to_thread(self._runner.run, operation)
        except (StoreUnavailable, StoreFull) as error:
            raise AttemptFailed(
                ErrorClass.TRANSIENT, error.reason, error.message, retry_after_ms=error.retry_after_ms
            ) from error
        return written_ms != 0
