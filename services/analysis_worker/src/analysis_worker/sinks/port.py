"""The port through which jobs keep analyses."""

from __future__ import annotations

from typing import Protocol

from common.job.ids import JobId


class AnalysisSink(Protocol):
    """Keeps the latest analysis of each conversation."""

    async def keep(
        self, tenant: str, conversation_id: str, analysis: bytes, *, job_id: JobId, attempt: int
    ) -> bool:
        """Keep a serialized `bothsides.jobs.v1.DebateAnalysis` in place of the last one.

        Returns:
            False if the write was refused: a later attempt of the same job has written already.

        Raises:
            AttemptFailed: TRANSIENT if the sink does not answer or takes nothing now.
        """
        ...
