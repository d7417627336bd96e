"""What a debate speaks of, stretch by stretch."""

from __future__ import annotations

from dataclasses import dataclass, field

from analysis_worker.domain.metric import Evidence, Metric


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of turns on one topic."""

    segment_id: str
    first_turn_id: str
    last_turn_id: str
    label: str = field(repr=False)
    #: Strongest first; at most 10.
    keywords: tuple[str, ...] = field(repr=False)
    coherence: Metric
    #: "start", "moderator_question", "agenda", "lexical" or "model".
    boundary_basis: str
    #: A question opened it, and no debater took it up.
    unanswered: bool
    #: How sure the boundary at its beginning is, 0 to 1.
    boundary_confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Focus:
    """The share of a speaker's words that fell in a segment, 0 to 1."""

    participant_id: str
    segment_id: str
    share: float
    #: The speaker's words in all segments.
    sample_size: int = 0


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """A segment's distance from the motion, 0 (on it) to 1."""

    segment_id: str
    drift: float
    #: Stretches of text that it rests on.
    sample_size: int = 0
    #: 0 to 1.
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that nobody who was asked took up."""

    participant_id: str
    evidence: Evidence
    #: 0 to 1.
    confidence: float


@dataclass(frozen=True, slots=True)
class Topics:
    """The segments in order, and how they hold together."""

    segments: tuple[Segment, ...]
    coherence: Metric
    drift_from_motion: Metric
    drift_series: tuple[DriftPoint, ...]
    focus: tuple[Focus, ...]
    #: In the order in which they were asked.
    unanswered_questions: tuple[OpenQuestion, ...] = ()
