"""Writes the reading of a reflection to the wire."""

from __future__ import annotations

from typing import Final

from analysis_worker.domain.reflection import Depth, FeedbackKind, ReflectionAnalysis
from analysis_worker.wire.metric import evidence_to_pb, metric_to_pb, provenance_to_pb
from analysis_worker.wire.safety import safety_to_pb
from bothsides.jobs import v1 as pb

_DEPTHS: Final = {
    Depth.UNKNOWN: pb.ReflectionAnalysis.DEPTH_UNSPECIFIED,
    Depth.HABITUAL_ACTION: pb.ReflectionAnalysis.HABITUAL_ACTION,
    Depth.UNDERSTANDING: pb.ReflectionAnalysis.UNDERSTANDING,
    Depth.REFLECTION: pb.ReflectionAnalysis.REFLECTION,
    Depth.CRITICAL_REFLECTION: pb.ReflectionAnalysis.CRITICAL_REFLECTION,
}
_FEEDBACK_KINDS: Final = {
    FeedbackKind.FEED_UP: pb.ReflectionAnalysis.Feedback.FEED_UP,
    FeedbackKind.FEED_BACK: pb.ReflectionAnalysis.Feedback.FEED_BACK,
    FeedbackKind.FEED_FORWARD: pb.ReflectionAnalysis.Feedback.FEED_FORWARD,
}


def reflection_to_pb(reflection: ReflectionAnalysis) -> pb.ReflectionAnalysis:
    """Write the reading of a reflection."""
    grounded = reflection.grounded_in_debate
    return pb.ReflectionAnalysis(
        depth=_DEPTHS[reflection.depth],
        confidence=reflection.confidence,
        indicators=(
            pb.ReflectionAnalysis.Indicator(name=sign.name, evidence=map(evidence_to_pb, sign.evidence))
            for sign in reflection.indicators
        ),
        grounded_in_debate=None if grounded is None else metric_to_pb(grounded),
        tone=metric_to_pb(reflection.tone),
        prompts=reflection.prompts,
        provenance=provenance_to_pb(reflection.provenance),
        why=reflection.why,
        references=(
            pb.ReflectionAnalysis.Reference(
                evidence=evidence_to_pb(each.evidence),
                said=evidence_to_pb(each.said),
                participant_id=each.participant_id,
            )
            for each in reflection.references
        ),
        feedback=(
            pb.ReflectionAnalysis.Feedback(
                kind=_FEEDBACK_KINDS[each.kind],
                text=each.text,
                evidence=map(evidence_to_pb, each.evidence),
                said=map(evidence_to_pb, each.said),
            )
            for each in reflection.feedback
        ),
        safety=None if reflection.safety is None else safety_to_pb(reflection.safety),
    )
