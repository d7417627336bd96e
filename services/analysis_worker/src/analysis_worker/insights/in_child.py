"""What child processes run for insights. Analyses come as bytes, results leave as domain objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analysis_worker.domain.insights import Held, LearningInsights
from bothsides.jobs import v1 as pb


def held(analyses: Sequence[tuple[str, bytes]], participant_id: str) -> list[Held]:
    """Return what analyses hold of each debater; passages of this participant only."""
    from analysis_worker.wire.insights import held_from_pb

    return [
        each if each.participant_id == participant_id else replace(each, passages={})
        for conversation_id, body in analyses
        for each in held_from_pb(conversation_id, pb.DebateAnalysis.FromString(body))
    ]


def insights(
    participant_id: str, own: Sequence[tuple[str, Held | None]], others: Sequence[Held], input_sha256: str
) -> LearningInsights:
    """Return a participant's insights."""
    from analysis_worker.engines.local.insights.develop import insights_of

    return insights_of(participant_id, own, others, input_sha256)
