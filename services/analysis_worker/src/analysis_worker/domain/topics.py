"""What a debate speaks of, stretch by stretch."""

from __future__ import annotations

from dataclasses import dataclass

from analysis_worker.domain.metric import Metric


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of turns on one topic."""

    segment_id: str
    first_turn_id: str
    last_turn_id: str
    label: str
    #: Strongest first; at most 10.
    keywords: tuple[str, ...]
    coherence: Metric
    #: "start", "moderator_question", "agenda" or "lexical".
    boundary_basis: str
    #: A question opened it, and no debater took it up.
    unanswered: bool


@dataclass(frozen=True, slots=True)
class Focus:
    """The share of a speaker's words that fell in a segment, 0 to 1."""

    participant_id: str
    segment_id: str
    share: float


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """A segment's distance from the motion, 0 (on it) to 1."""

    segment_id: str
    drift: float


@dataclass(frozen=True, slots=True)
class Topics:
    """The segments in order, and how they hold together."""

    segments: tuple[Segment, ...]
    coherence: Metric
    drift_from_motion: Metric
    drift_series: tuple[DriftPoint, ...]
    focus: tuple[Focus, ...]
