"""Writes an analysis to the wire. What it may leave out, and when, is decided here and nowhere else."""

from __future__ import annotations

from typing import Final

from analysis_worker.domain.result import (
    SCHEMA_VERSION,
    Arguments,
    Component,
    ComponentKind,
    DebateAnalysis,
    Interaction,
    Linguistics,
    ParticipantArguments,
    Quality,
    RelationKind,
    Tone,
    Topics,
)
from analysis_worker.wire.metric import (
    basis_to_pb,
    dimension_from_pb,
    dimension_to_pb,
    evidence_to_pb,
    metric_to_pb,
    named_metrics_to_pb,
    provenance_to_pb,
    rating_to_pb,
)
from analysis_worker.wire.safety import safety_to_pb
from bothsides.jobs import v1 as pb

__all__ = ["analysis_to_pb", "dimension_from_pb", "dimension_to_pb"]

#: Components of a result without details.
_FEW_COMPONENTS: Final = 20
_COMPONENT_KINDS: Final = {
    ComponentKind.CLAIM: pb.Arguments.Component.CLAIM,
    ComponentKind.PREMISE: pb.Arguments.Component.PREMISE,
}
_RELATION_KINDS: Final = {
    RelationKind.SUPPORT: pb.Arguments.Relation.SUPPORT,
    RelationKind.ATTACK: pb.Arguments.Relation.ATTACK,
}


def analysis_to_pb(analysis: DebateAnalysis, include_detailed: bool) -> pb.DebateAnalysis:
    """Write an analysis; dimensions that it lacks stay absent.

    Without details there is no tone series, and of the components the 20 surest, with the relations and
    dropped claims among these.
    """
    overview = analysis.overview
    return pb.DebateAnalysis(
        schema_version=SCHEMA_VERSION,
        conversation_id=analysis.conversation_id,
        language=overview.language,
        language_confidence=overview.language_confidence,
        turn_count=overview.turn_count,
        word_count=overview.word_count,
        duration_seconds=overview.duration_s,
        turn_languages=(
            pb.DebateAnalysis.TurnLanguage(
                turn_id=turn.turn_id, language=turn.language, confidence=turn.confidence
            )
            for turn in overview.turn_languages
        ),
        tone=None if analysis.tone is None else _tone(analysis.tone, include_detailed),
        topics=None if analysis.topics is None else _topics(analysis.topics),
        arguments=None if analysis.arguments is None else _arguments(analysis.arguments, include_detailed),
        linguistics=None if analysis.linguistics is None else _linguistics(analysis.linguistics),
        interaction=None if analysis.interaction is None else _interaction(analysis.interaction),
        quality=None if analysis.quality is None else _quality(analysis.quality),
        safety=None if analysis.safety is None else safety_to_pb(analysis.safety),
        provenance=map(provenance_to_pb, analysis.provenance),
    )


def _tone(tone: Tone, include_detailed: bool) -> pb.Tone:
    return pb.Tone(
        overall=metric_to_pb(tone.overall),
        asymmetry=metric_to_pb(tone.asymmetry),
        participants=(
            pb.Tone.Participant(
                participant_id=own.participant_id,
                mean=metric_to_pb(own.mean),
                standard_deviation=metric_to_pb(own.standard_deviation),
                trend=metric_to_pb(own.trend),
                negative_share=metric_to_pb(own.negative_share),
                peaks=map(evidence_to_pb, own.peaks),
            )
            for own in tone.participants
        ),
        directed=(
            pb.Tone.Directed(source=pair.source, target=pair.target, mean=metric_to_pb(pair.mean))
            for pair in tone.directed
        ),
        series=(
            pb.Tone.Point(
                turn_id=point.turn_id,
                valence=point.valence,
                intensity=point.intensity,
                participant_id=point.participant_id,
                sample_size=point.sample_size,
                start_seconds=point.start_s,
            )
            for point in (tone.series if include_detailed else ())
        ),
    )


def _topics(topics: Topics) -> pb.Topics:
    return pb.Topics(
        segments=(
            pb.Topics.Segment(
                segment_id=segment.segment_id,
                first_turn_id=segment.first_turn_id,
                last_turn_id=segment.last_turn_id,
                label=segment.label,
                keywords=segment.keywords,
                coherence=metric_to_pb(segment.coherence),
                boundary_basis=segment.boundary_basis,
                unanswered=segment.unanswered,
                boundary_confidence=segment.boundary_confidence,
            )
            for segment in topics.segments
        ),
        coherence=metric_to_pb(topics.coherence),
        drift_from_motion=metric_to_pb(topics.drift_from_motion),
        drift_series=(
            pb.Topics.DriftPoint(
                segment_id=point.segment_id,
                drift=point.drift,
                sample_size=point.sample_size,
                confidence=point.confidence,
            )
            for point in topics.drift_series
        ),
        focus=(
            pb.Topics.Focus(
                participant_id=own.participant_id,
                segment_id=own.segment_id,
                share=own.share,
                sample_size=own.sample_size,
            )
            for own in topics.focus
        ),
        unanswered_questions=(
            pb.Topics.OpenQuestion(
                participant_id=question.participant_id,
                evidence=evidence_to_pb(question.evidence),
                confidence=question.confidence,
            )
            for question in topics.unanswered_questions
        ),
    )


def _arguments(arguments: Arguments, include_detailed: bool) -> pb.Arguments:
    components = arguments.components if include_detailed else _surest(arguments)
    shown = {component.component_id for component in components}
    return pb.Arguments(
        participants=map(_argument_participant, arguments.participants),
        components=map(_component, components),
        relations=(
            pb.Arguments.Relation(
                source=relation.source,
                target=relation.target,
                kind=_RELATION_KINDS[relation.kind],
                cross_turn=relation.cross_turn,
                confidence=relation.confidence,
            )
            for relation in arguments.relations
            if relation.source in shown and relation.target in shown
        ),
        fallacies=(
            pb.Arguments.Fallacy(
                kind=fallacy.kind,
                participant_id=fallacy.participant_id,
                evidence=evidence_to_pb(fallacy.evidence),
                why=fallacy.why,
                confidence=fallacy.confidence,
            )
            for fallacy in arguments.fallacies
        ),
        dropped_claim_ids=(dropped for dropped in arguments.dropped_claim_ids if dropped in shown),
    )


def _surest(arguments: Arguments) -> list[Component]:
    """Return the 20 surest components, in the order in which they were said."""
    by_confidence = sorted(
        enumerate(arguments.components), key=lambda entry: (-entry[1].confidence, entry[0])
    )
    return [component for _, component in sorted(by_confidence[:_FEW_COMPONENTS], key=lambda entry: entry[0])]


def _component(component: Component) -> pb.Arguments.Component:
    return pb.Arguments.Component(
        component_id=component.component_id,
        kind=_COMPONENT_KINDS[component.kind],
        participant_id=component.participant_id,
        evidence=evidence_to_pb(component.evidence),
        confidence=component.confidence,
        segment_id=component.segment_id,
    )


def _argument_participant(own: ParticipantArguments) -> pb.Arguments.Participant:
    return pb.Arguments.Participant(
        participant_id=own.participant_id,
        claims=metric_to_pb(own.claims),
        premises=metric_to_pb(own.premises),
        claim_support=metric_to_pb(own.claim_support),
        rebuttal_rate=metric_to_pb(own.rebuttal_rate),
        promote_own=metric_to_pb(own.promote_own),
        pursue_opponent=metric_to_pb(own.pursue_opponent),
    )


def _linguistics(linguistics: Linguistics) -> pb.Linguistics:
    return pb.Linguistics(
        participants=(
            pb.Linguistics.Participant(participant_id=own.participant_id, metrics=named_metrics_to_pb(own))
            for own in linguistics.participants
        )
    )


def _interaction(interaction: Interaction) -> pb.Interaction:
    return pb.Interaction(
        participants=(
            pb.Interaction.Participant(participant_id=own.participant_id, metrics=named_metrics_to_pb(own))
            for own in interaction.participants
        ),
        balance=metric_to_pb(interaction.balance),
        entropy=metric_to_pb(interaction.entropy),
        responsiveness=metric_to_pb(interaction.responsiveness),
        turn_matrix=(
            pb.Interaction.TurnPair(source=pair.source, target=pair.target, count=pair.count)
            for pair in interaction.turn_matrix
        ),
        dominance_windows=(
            pb.Interaction.DominanceWindow(
                first_turn_id=window.first_turn_id,
                last_turn_id=window.last_turn_id,
                participant_id=window.participant_id,
                share=window.share,
                sample_size=window.sample_size,
                basis=basis_to_pb(window.basis),
            )
            for window in interaction.dominance_windows
        ),
        interruption_observable=interaction.interruption_observable,
    )


def _quality(quality: Quality) -> pb.Quality:
    return pb.Quality(
        overall=rating_to_pb(quality.overall),
        parts=map(rating_to_pb, quality.parts),
        participants=(
            pb.Quality.Participant(
                participant_id=own.participant_id,
                overall=rating_to_pb(own.overall),
                parts=map(rating_to_pb, own.parts),
            )
            for own in quality.participants
        ),
        weights=(pb.Quality.Weight(name=weight.name, weight=weight.weight) for weight in quality.weights),
    )
