"""The ports through which jobs keep analyses and insights."""

from __future__ import annotations

from collections.abc import Sequence
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
        self,
        tenant: str,
        participant_id: str,
        insights: bytes,
        *,
        rests_on: Sequence[str],
        job_id: JobId,
        attempt: int,
    ) -> bool:
        """Keep a serialized `bothsides.jobs.v1.LearningInsights`; else as AnalysisSink.keep.

        Args:
            rests_on: Ids of the conversations that they are made of, and go with.

        Raises:
            AttemptFailed: TRANSIENT also if one of these was erased meanwhile.
        """
        ...
