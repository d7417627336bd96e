"""What an analysis says of a debate: six dimensions, each on its own, and how each was made.

Any engine fills these types. Every judgement carries evidence, every number says what it rests on, a
dimension that was not asked for is None. They mirror the public contract, but do not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from analysis_worker.domain.arguments import (
    Arguments,
    Component,
    ComponentKind,
    Fallacy,
    ParticipantArguments,
    Relation,
    RelationKind,
)
from analysis_worker.domain.metric import Basis, Evidence, Metric
from analysis_worker.domain.provenance import DegradedReason, Dimension, Provenance
from analysis_worker.domain.reflection import Depth, Indicator, ReflectionAnalysis
from analysis_worker.domain.safety import Safety
from analysis_worker.domain.topics import DriftPoint, Focus, OpenQuestion, Segment, Topics

__all__ = [
    "SCHEMA_VERSION",
    "Arguments",
    "Basis",
    "Component",
    "ComponentKind",
    "DebateAnalysis",
    "DegradedReason",
    "Depth",
    "Dimension",
    "DimensionResult",
    "DirectedTone",
    "DominanceWindow",
    "DriftPoint",
    "Evidence",
    "Fallacy",
    "Focus",
    "Indicator",
    "Interaction",
    "Linguistics",
    "Metric",
    "NamedMetric",
    "OpenQuestion",
    "Overview",
    "ParticipantArguments",
    "ParticipantMetrics",
    "ParticipantQuality",
    "ParticipantTone",
    "Provenance",
    "Quality",
    "Rating",
    "ReflectionAnalysis",
    "Relation",
    "RelationKind",
    "Segment",
    "Tone",
    "TonePoint",
    "Topics",
    "TurnLanguage",
    "TurnPair",
    "Weight",
]

#: Version of these types on the wire; grows when a field changes its meaning.
SCHEMA_VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class ParticipantTone:
    """How one speaker sounds."""

    participant_id: str
    mean: Metric
    standard_deviation: Metric
    #: Theil-Sen slope of valence per 100 of the speaker's turns.
    trend: Metric
    negative_share: Metric
    peaks: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class TonePoint:
    """One turn's tone."""

    turn_id: str
    #: -1 to 1.
    valence: float
    #: 0 to 1.
    intensity: float
    #: Who spoke.
    participant_id: str = ""
    #: Sentences that it rests on.
    sample_size: int = 0
    #: Seconds from the debate's beginning, as captured.
    start_s: float | None = None


@dataclass(frozen=True, slots=True)
class DirectedTone:
    """How one speaker sounds towards another."""

    source: str
    target: str
    mean: Metric


@dataclass(frozen=True, slots=True)
class Tone:
    """Sentiment as expressed. Never a position on the motion."""

    overall: Metric
    #: The largest difference between two debaters' means.
    asymmetry: Metric
    participants: tuple[ParticipantTone, ...]
    directed: tuple[DirectedTone, ...]
    series: tuple[TonePoint, ...]


@dataclass(frozen=True, slots=True)
class NamedMetric:
    """A metric under its name in the glossary."""

    name: str
    metric: Metric


@dataclass(frozen=True, slots=True)
class ParticipantMetrics:
    """One speaker's metrics, in a fixed order of names."""

    participant_id: str
    metrics: tuple[NamedMetric, ...]

    def get(self, name: str) -> Metric | None:
        """Return the metric called `name`, or None."""
        return next((named.metric for named in self.metrics if named.name == name), None)


@dataclass(frozen=True, slots=True)
class Linguistics:
    """How the language is made."""

    participants: tuple[ParticipantMetrics, ...]


@dataclass(frozen=True, slots=True)
class TurnPair:
    """How often `target` spoke right after `source`."""

    source: str
    target: str
    count: int


@dataclass(frozen=True, slots=True)
class DominanceWindow:
    """A stretch in which one debater had most of the debaters' words."""

    first_turn_id: str
    last_turn_id: str
    participant_id: str
    share: float
    #: Seconds or words of all debaters in the stretch; `basis` says which.
    sample_size: int = 0
    basis: Basis = Basis.TEXT


@dataclass(frozen=True, slots=True)
class Interaction:
    """Who speaks to whom, how much and how."""

    participants: tuple[ParticipantMetrics, ...]
    #: 1 - Gini over the debaters' words.
    balance: Metric
    #: Entropy of the debaters' shares, normalised to 0..1.
    entropy: Metric
    responsiveness: Metric
    turn_matrix: tuple[TurnPair, ...]
    dominance_windows: tuple[DominanceWindow, ...]
    #: True only where capture timestamps overlap.
    interruption_observable: bool


@dataclass(frozen=True, slots=True)
class Rating:
    """A score from 1 to 5, or an abstention; `why` speaks for both."""

    name: str
    score: float | None
    confidence: float
    why: str = field(repr=False)
    evidence: tuple[Evidence, ...] = ()
    #: Of the chief ingredient: claims, talking points or replies; of an overall rating, the ratings in it.
    sample_size: int = 0
    basis: Basis = Basis.NONE

    def __post_init__(self) -> None:
        if (self.score is None) != (self.basis is Basis.NONE):
            raise ValueError("Rating.basis is none where there is no score, and nowhere else")
        if self.score is not None and not 1 <= self.score <= 5:
            raise ValueError("Rating.score lies outside 1..5")
        if not 0 <= self.confidence <= 1:
            raise ValueError("Rating.confidence lies outside 0..1")


@dataclass(frozen=True, slots=True)
class ParticipantQuality:
    """One debater's rating."""

    participant_id: str
    overall: Rating
    parts: tuple[Rating, ...]


@dataclass(frozen=True, slots=True)
class Weight:
    """How much a part counts in the sum, 0 to 1."""

    name: str
    weight: float


@dataclass(frozen=True, slots=True)
class Quality:
    """A weighted summary with published weights. It names no winner."""

    overall: Rating
    parts: tuple[Rating, ...]
    participants: tuple[ParticipantQuality, ...]
    weights: tuple[Weight, ...]


DimensionResult: TypeAlias = Tone | Topics | Arguments | Linguistics | Interaction | Quality


@dataclass(frozen=True, slots=True)
class TurnLanguage:
    """The language of one turn."""

    turn_id: str
    #: A BCP 47 tag.
    language: str
    #: 0 to 1.
    confidence: float


@dataclass(frozen=True, slots=True)
class Overview:
    """A debate's bare facts."""

    #: A BCP 47 tag; "und" when there is nothing to tell it from.
    language: str
    language_confidence: float
    turn_count: int
    word_count: int
    #: From capture timestamps; None without them.
    duration_s: float | None
    #: Turns that are surely in another language than the debate.
    turn_languages: tuple[TurnLanguage, ...] = ()


@dataclass(frozen=True, slots=True)
class DebateAnalysis:
    """All that is known of one debate."""

    conversation_id: str
    overview: Overview
    tone: Tone | None = None
    topics: Topics | None = None
    arguments: Arguments | None = None
    linguistics: Linguistics | None = None
    interaction: Interaction | None = None
    quality: Quality | None = None
    safety: Safety | None = None
    provenance: tuple[Provenance, ...] = ()
