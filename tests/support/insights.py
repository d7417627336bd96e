"""Analyses as they are kept, for insights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis_worker.domain.conversation import Conversation
from analysis_worker.domain.result import DebateAnalysis, Dimension
from analysis_worker.engines.local.engine import LocalEngine
from analysis_worker.wire.analysis import analysis_to_pb
from bothsides.jobs import v1 as pb
from common.job.ids import JobId
from common.job.states import JobState
from common.store.documents import ANALYSES, put_document
from support.analysis import analysed
from support.debates import debate
from support.worker_program import NAMESPACE, Desk

#: The queue of insights.
QUEUE = "data_processing"


def analysis_of(conversation: Conversation) -> pb.DebateAnalysis:
    """Return the local engine's whole analysis of a conversation."""
    engine = LocalEngine()
    document = engine.prepare(conversation)
    results: dict[str, Any] = {
        dimension.value: result for dimension, result in analysed(conversation).items()
    }
    made = tuple(engine.provenance(dimension, document) for dimension in Dimension)
    analysis = DebateAnalysis(
        conversation.conversation_id, engine.overview(document), **results, provenance=made
    )
    return analysis_to_pb(analysis, include_detailed=True)


def rated(conversation_id: str, who: str, ratings: Mapping[str, float]) -> pb.DebateAnalysis:
    """Return an analysis that holds how much someone said, and ratings by the name of their part."""
    analysis = pb.DebateAnalysis(conversation_id=conversation_id)
    words = pb.NamedMetric(name="words", metric=pb.Metric(value=400, unit="words", basis=pb.Metric.TEXT))
    analysis.linguistics.participants.add(participant_id=who, metrics=[words])
    parts = analysis.quality.participants.add(participant_id=who).parts
    for name, score in ratings.items():
        parts.add(name=name, score=score, confidence=0.4, sample_size=5, basis=pb.Metric.TEXT)
    analysis.provenance.add(dimension=pb.DIMENSION_QUALITY, engine="local")
    return analysis


def keep(desk: Desk, conversation_id: str, analysis: pb.DebateAnalysis) -> None:
    """Keep a conversation, and an analysis of it as a job of its own would."""
    desk.put(debate(2, conversation_id=conversation_id))
    body = analysis.SerializeToString(deterministic=True)
    desk.run(
        put_document(NAMESPACE, ANALYSES, desk.tenant, conversation_id, body=body, job_id="ai-1", attempt=1)
    )


def order(desk: Desk, participant_id: str, **spec: object) -> JobId:
    """Order insights of a participant."""
    wanted = pb.LearningInsightsSpec(participant_id=participant_id, **spec)  # type: ignore[arg-type]
    return desk.order(pb.JobSpec(learning_insights=wanted))


def result_of(desk: Desk, job_id: JobId) -> pb.LearningInsights:
    """Wait for insights, which must go well."""
    done = desk.final(job_id, QUEUE)
    assert done.job.state is JobState.SUCCEEDED, done.job.error
    assert done.result is not None
    return pb.JobResult.FromString(done.result.data).insights
