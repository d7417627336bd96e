"""Learning insights to the wire, and what they are made of, from kept analyses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from analysis_worker.domain.insights import (
    Held,
    LearningInsights,
    Looked,
    Passage,
    RemarkKind,
    Step,
    Trend,
    Verdict,
)
from analysis_worker.domain.metric import Basis, Metric
from analysis_worker.engines.local.insights.measures import BARE_CLAIMS, BY_NAME, LEFT_CLAIMS, OPEN_QUESTIONS
from analysis_worker.wire.metric import basis_from_pb, dimension_from_pb, metric_to_pb, provenance_to_pb
from analysis_worker.wire.safety import safety_to_pb
from bothsides.jobs import v1 as pb

#: Passages of a kind that are kept of one conversation.
_MOST_PASSAGES: Final = 3
_VERDICTS: Final = {
    Verdict.INSUFFICIENT_DATA: pb.LearningInsights.INSUFFICIENT_DATA,
    Verdict.STEADY: pb.LearningInsights.STEADY,
    Verdict.IMPROVING: pb.LearningInsights.IMPROVING,
    Verdict.DECLINING: pb.LearningInsights.DECLINING,
    Verdict.CHANGING: pb.LearningInsights.CHANGING,
}
_REMARKS: Final = {
    RemarkKind.SUMMARY: pb.LearningInsights.Remark.SUMMARY,
    RemarkKind.STRENGTH: pb.LearningInsights.Remark.STRENGTH,
    RemarkKind.GROWTH: pb.LearningInsights.Remark.GROWTH,
    RemarkKind.ADVICE: pb.LearningInsights.Remark.ADVICE,
}


def held_from_pb(conversation_id: str, analysis: pb.DebateAnalysis) -> list[Held]:
    """Return what an analysis holds of each debater."""
    makers = {
        dimension_from_pb(made.dimension).value: f"{made.engine} {made.model}".strip()
        for made in analysis.provenance
        if made.dimension
    }
    values: dict[str, dict[str, Metric]] = {}
    for who, name, metric in _metrics(analysis):
        known = values.setdefault(who, {})
        if metric is not None:
            known[name] = metric
    return [
        Held(
            conversation_id,
            who,
            _words(found),
            {name: metric for name, metric in found.items() if name in BY_NAME},
            makers,
            _passages(conversation_id, who, analysis),
        )
        for who, found in values.items()
    ]


def _metrics(analysis: pb.DebateAnalysis) -> Iterator[tuple[str, str, Metric | None]]:
    """Yield (participant, measure, value) of all that is measured of debaters."""
    for tone in analysis.tone.participants:
        yield tone.participant_id, "tone.mean", _metric(tone.mean)
        yield tone.participant_id, "tone.negative_share", _metric(tone.negative_share)
    for own in analysis.arguments.participants:
        for name in ("claim_support", "rebuttal_rate", "promote_own", "pursue_opponent"):
            yield own.participant_id, f"arguments.{name}", _metric(getattr(own, name))
    for linguistics in analysis.linguistics.participants:
        for named in linguistics.metrics:
            yield linguistics.participant_id, f"linguistics.{named.name}", _metric(named.metric)
    for interaction in analysis.interaction.participants:
        for named in interaction.metrics:
            yield interaction.participant_id, f"interaction.{named.name}", _metric(named.metric)
    for rated in analysis.quality.participants:
        for rating in (*rated.parts, rated.overall):
            yield rated.participant_id, f"quality.{rating.name}", _rating(rating)


def _metric(metric: pb.Metric) -> Metric | None:
    basis = basis_from_pb(metric.basis)
    if not metric.HasField("value") or basis is Basis.NONE:
        return None
    return Metric(
        metric.value,
        metric.unit,
        metric.sample_size,
        metric.confidence,
        basis,
        metric.note,
        (metric.ci95.low, metric.ci95.high) if metric.HasField("ci95") else None,
    )


def _rating(rating: pb.Rating) -> Metric | None:
    if not rating.HasField("score"):
        return None
    basis = basis_from_pb(rating.basis)
    basis = Basis.TEXT if basis is Basis.NONE else basis
    return Metric(rating.score, "1..5", rating.sample_size, rating.confidence, basis)


def _words(values: Mapping[str, Metric]) -> int | None:
    for name in ("linguistics.words", "interaction.words"):
        if name in values and values[name].value is not None:
            return round(values[name].value or 0)
    return None


def _passages(conversation_id: str, who: str, analysis: pb.DebateAnalysis) -> dict[str, tuple[Passage, ...]]:
    """Return the places that a step can point to, the surest first."""
    arguments = analysis.arguments
    supported = {link.target for link in arguments.relations if link.kind == pb.Arguments.Relation.SUPPORT}
    left = set(arguments.dropped_claim_ids)
    claims = sorted(
        (part for part in arguments.components if part.kind == pb.Arguments.Component.CLAIM),
        key=lambda part: -part.confidence,
    )
    found: dict[str, Iterable[pb.Evidence]] = {
        BARE_CLAIMS: (
            claim.evidence
            for claim in claims
            if claim.participant_id == who and claim.component_id not in supported
        ),
        LEFT_CLAIMS: (
            claim.evidence for claim in claims if claim.participant_id != who and claim.component_id in left
        ),
        OPEN_QUESTIONS: (
            question.evidence
            for question in analysis.topics.unanswered_questions
            if question.participant_id != who
        ),
    }
    for rated in analysis.quality.participants:
        if rated.participant_id == who:
            found |= {f"quality.{rating.name}": rating.evidence for rating in rated.parts}
    kept = {
        kind: tuple(
            Passage(conversation_id, each.turn_id, each.start, each.end)
            for each in islice(shown, _MOST_PASSAGES)
        )
        for kind, shown in found.items()
    }
    return {kind: passages for kind, passages in kept.items() if passages}


def insights_to_pb(insights: LearningInsights) -> pb.LearningInsights:
    """Write insights."""
    return pb.LearningInsights(
        participant_id=insights.participant_id,
        conversations=map(_looked, insights.conversations),
        trends=map(_trend, insights.trends),
        next_steps=map(_step, insights.next_steps),
        narrative=insights.narrative,
        narrative_provenance=provenance_to_pb(insights.narrative_provenance),
        provenance=provenance_to_pb(insights.provenance),
        cohort_size=insights.cohort_size,
        remarks=(
            pb.LearningInsights.Remark(kind=_REMARKS[each.kind], text=each.text, metrics=each.metrics)
            for each in insights.remarks
        ),
        safety=None if insights.safety is None else safety_to_pb(insights.safety),
    )


def _looked(looked: Looked) -> pb.LearningInsights.Conversation:
    return pb.LearningInsights.Conversation(
        conversation_id=looked.conversation_id,
        word_count=looked.words,
        counted=looked.counted,
        note=looked.note,
    )


def _trend(trend: Trend) -> pb.LearningInsights.Trend:
    return pb.LearningInsights.Trend(
        metric=trend.metric,
        verdict=_VERDICTS[trend.verdict],
        first=metric_to_pb(trend.first),
        last=metric_to_pb(trend.last),
        slope=metric_to_pb(trend.slope),
        p_value=trend.p_value,
        baseline=metric_to_pb(trend.baseline),
        change=metric_to_pb(trend.change),
        cohort_percentile=metric_to_pb(trend.cohort_percentile),
        left_out=trend.left_out,
    )


def _step(step: Step) -> pb.LearningInsights.Step:
    return pb.LearningInsights.Step(
        metric=step.metric,
        feed_up=step.feed_up,
        feed_back=step.feed_back,
        feed_forward=step.feed_forward,
        passages=(
            pb.LearningInsights.Passage(
                conversation_id=each.conversation_id, turn_id=each.turn_id, start=each.start, end=each.end
            )
            for each in step.passages
        ),
    )
