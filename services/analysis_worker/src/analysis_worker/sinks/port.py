"""The ports through which jobs keep analyses and insights."""

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


class InsightsSink(Protocol):
    """Keeps the latest insights of each participant."""

    async def keep_insights(
        self, tenant: str, participant_id: str, insights: bytes, *, job_id: JobId, attempt: int
    ) -> bool:
        """Keep a serialized `bothsides.jobs.v1.LearningInsights`; else as AnalysisSink.keep."""
        ...
