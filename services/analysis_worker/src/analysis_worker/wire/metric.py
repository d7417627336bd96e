"""Metrics, evidence, ratings and provenance, to the wire."""

from __future__ import annotations

from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from analysis_worker.domain.metric import Basis, Evidence, Metric
from analysis_worker.domain.provenance import DegradedReason, Dimension, Provenance
from analysis_worker.domain.result import ParticipantMetrics, Rating
from bothsides.jobs import v1 as pb

_BASIS_TO_PB: Final = {
    Basis.TIMESTAMPS: pb.Metric.TIMESTAMPS,
    Basis.TEXT: pb.Metric.TEXT,
    Basis.ANNOTATION: pb.Metric.ANNOTATION,
    Basis.MODEL: pb.Metric.MODEL,
    Basis.LLM: pb.Metric.LLM,
    Basis.NONE: pb.Metric.NONE,
}
_DIMENSION_TO_PB: Final = {
    Dimension.TONE: pb.DIMENSION_TONE,
    Dimension.TOPICS: pb.DIMENSION_TOPICS,
    Dimension.ARGUMENTS: pb.DIMENSION_ARGUMENTS,
    Dimension.LINGUISTICS: pb.DIMENSION_LINGUISTICS,
    Dimension.INTERACTION: pb.DIMENSION_INTERACTION,
    Dimension.QUALITY: pb.DIMENSION_QUALITY,
}
_CAUSE_TO_PB: Final = {
    DegradedReason.CIRCUIT_OPEN: pb.Provenance.CIRCUIT_OPEN,
    DegradedReason.QUOTA: pb.Provenance.QUOTA,
    DegradedReason.RATE_LIMITED: pb.Provenance.RATE_LIMITED,
    DegradedReason.TIMEOUT: pb.Provenance.TIMEOUT,
    DegradedReason.CONTENT_FILTER: pb.Provenance.CONTENT_FILTER,
    DegradedReason.REFUSAL: pb.Provenance.REFUSAL,
    DegradedReason.NO_KEY: pb.Provenance.NO_KEY,
    DegradedReason.BUDGET: pb.Provenance.BUDGET,
    DegradedReason.INVALID_OUTPUT: pb.Provenance.INVALID_OUTPUT,
    DegradedReason.PRIVACY: pb.Provenance.PRIVACY,
    DegradedReason.UNAVAILABLE: pb.Provenance.UNAVAILABLE,
    DegradedReason.OUTBOUND_FORBIDDEN: pb.Provenance.OUTBOUND_FORBIDDEN,
}
_BASIS_FROM_PB: Final = {number: basis for basis, number in _BASIS_TO_PB.items()}
_DIMENSION_FROM_PB: Final = {number: dimension for dimension, number in _DIMENSION_TO_PB.items()}


def dimension_to_pb(dimension: Dimension) -> pb.Dimension.ValueType:
    """Return the number of a dimension on the wire."""
    return _DIMENSION_TO_PB[dimension]


def dimension_from_pb(number: pb.Dimension.ValueType) -> Dimension:
    """Return the dimension of a number on the wire.

    Raises:
        ValueError: The number is DIMENSION_UNSPECIFIED or not known to this version.
    """
    try:
        return _DIMENSION_FROM_PB[number]
    except KeyError:
        raise ValueError(f"dimension {number} is none of {sorted(_DIMENSION_FROM_PB)}") from None


def basis_to_pb(basis: Basis) -> pb.Metric.Basis.ValueType:
    """Return the number of a basis on the wire."""
    return _BASIS_TO_PB[basis]


def basis_from_pb(number: pb.Metric.Basis.ValueType) -> Basis:
    """Return the basis of a number on the wire; NONE for one that this version does not know."""
    return _BASIS_FROM_PB.get(number, Basis.NONE)


def metric_to_pb(metric: Metric) -> pb.Metric:
    """Write a metric; a value that is None stays absent."""
    return pb.Metric(
        value=metric.value,
        unit=metric.unit,
        sample_size=metric.sample_size,
        confidence=metric.confidence,
        basis=_BASIS_TO_PB[metric.basis],
        note=metric.note,
        ci95=None if metric.ci95 is None else pb.Metric.Interval(low=metric.ci95[0], high=metric.ci95[1]),
    )


def named_metrics_to_pb(participant: ParticipantMetrics) -> list[pb.NamedMetric]:
    """Write one speaker's named metrics, in order."""
    return [
        pb.NamedMetric(name=named.name, metric=metric_to_pb(named.metric)) for named in participant.metrics
    ]


def evidence_to_pb(evidence: Evidence) -> pb.Evidence:
    """Write evidence."""
    return pb.Evidence(turn_id=evidence.turn_id, start=evidence.start, end=evidence.end, quote=evidence.quote)


def rating_to_pb(rating: Rating) -> pb.Rating:
    """Write a rating; an abstention has no score."""
    return pb.Rating(
        name=rating.name,
        score=rating.score,
        confidence=rating.confidence,
        why=rating.why,
        evidence=map(evidence_to_pb, rating.evidence),
        sample_size=rating.sample_size,
        basis=_BASIS_TO_PB[rating.basis],
    )


def provenance_to_pb(made: Provenance) -> pb.Provenance:
    """Write how something was made."""
    message = pb.Provenance(
        dimension=pb.DIMENSION_UNSPECIFIED if made.dimension is None else dimension_to_pb(made.dimension),
        engine=made.engine,
        engine_version=made.engine_version,
        method=made.method,
        model=made.model,
        prompt_sha256=made.prompt_sha256,
        input_sha256=made.input_sha256,
        degraded=made.degraded,
        passed_over=(
            pb.Provenance.PassedOver(model=each.model, cause=_CAUSE_TO_PB[each.reason])
            for each in made.passed_over
        ),
        prompts=(pb.Provenance.Prompt(name=each.name, version=each.version) for each in made.prompts),
    )
    if made.degraded_reason is not None:
        message.degraded_reason = made.degraded_reason.value
        message.degraded_cause = _CAUSE_TO_PB[made.degraded_reason]
    if made.created_ms is not None:
        message.create_time.CopyFrom(
            Timestamp(seconds=made.created_ms // 1_000, nanos=made.created_ms % 1_000 * 1_000_000)
        )
    return message
