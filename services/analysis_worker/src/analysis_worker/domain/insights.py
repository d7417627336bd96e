"""How one participant's debating develops over several conversations. Holds nothing that was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from analysis_worker.domain.metric import Metric
from analysis_worker.domain.provenance import Provenance
from analysis_worker.domain.safety import Safety


class Verdict(StrEnum):
    """What the values of a measure show."""

    INSUFFICIENT_DATA = "insufficient_data"
    #: No trend that chance would not make in one of 20 cases.
    STEADY = "steady"
    IMPROVING = "improving"
    DECLINING = "declining"
    #: It moves, and neither way is better.
    CHANGING = "changing"


@dataclass(frozen=True, slots=True)
class Passage:
    """A place in a conversation, without its words."""

    conversation_id: str
    turn_id: str
    #: Code points into the turn; the end is exclusive.
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Held:
    """What one analysis holds of one debater."""

    conversation_id: str
    participant_id: str
    #: None where it is not known.
    words: int | None
    #: By the measure's name; only those that have a value.
    values: Mapping[str, Metric]
    #: Who made a dimension, by its name: engine and model.
    makers: Mapping[str, str]
    #: What a step may point to, by kind.
    passages: Mapping[str, tuple[Passage, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Looked:
    """A conversation that was looked at."""

    conversation_id: str
    #: Of the participant.
    words: int | None
    counted: bool
    #: Why it is not counted.
    note: str = ""


@dataclass(frozen=True, slots=True)
class Trend:
    """One measure over the conversations."""

    metric: str
    verdict: Verdict
    first: Metric
    last: Metric
    #: Per conversation.
    slope: Metric
    #: Of no trend; None where there are too few values.
    p_value: float | None
    #: Median of the values before the last.
    baseline: Metric
    change: Metric
    cohort_percentile: Metric
    #: Values that another engine or model made.
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to try next (Hattie & Timperley 2007)."""

    metric: str
    feed_up: str
    feed_back: str
    feed_forward: str
    passages: tuple[Passage, ...]


class RemarkKind(StrEnum):
    """What a remark is for, in the order in which remarks are told."""

    SUMMARY = "summary"
    STRENGTH = "strength"
    GROWTH = "growth"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence or two of a narrative, with the measures that it rests on."""

    kind: RemarkKind
    text: str = field(repr=False)
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LearningInsights:
    """All there is to say, the most pressing steps first."""

    participant_id: str
    conversations: tuple[Looked, ...]
    trends: tuple[Trend, ...]
    next_steps: tuple[Step, ...]
    narrative: str = field(repr=False)
    narrative_provenance: Provenance
    provenance: Provenance
    cohort_size: int
    #: What the narrative consists of; empty where a template wrote it.
    remarks: tuple[Remark, ...] = ()
    #: Of a model's words; None where none was asked.
    safety: Safety | None = None
