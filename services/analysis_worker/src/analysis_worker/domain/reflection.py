"""A reading of what a participant wrote about a debate."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from analysis_worker.domain.metric import Evidence, Metric
from analysis_worker.domain.provenance import Provenance
from analysis_worker.domain.safety import Safety


class Depth(IntEnum):
    """Depth of reflection (Kember et al. 2008, Assessment & Evaluation in Higher Education 33:4)."""

    #: Too little to judge.
    UNKNOWN = 0
    #: Tells without thinking.
    HABITUAL_ACTION = 1
    #: Grasps, without relating it to oneself.
    UNDERSTANDING = 2
    #: Relates it to oneself.
    REFLECTION = 3
    #: Changes one's view.
    CRITICAL_REFLECTION = 4


@dataclass(frozen=True, slots=True)
class Indicator:
    """One sign of reflection (Ullmann 2019), with where it shows."""

    name: str
    #: Its turn id is "reflection".
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A sentence of the reflection, and the sentence of the debate that it is about."""

    #: Its turn id is "reflection".
    evidence: Evidence
    said: Evidence
    participant_id: str


class FeedbackKind(StrEnum):
    """The question that a remark answers (Hattie & Timperley 2007, Review of Educational Research 77:1)."""

    #: Where is the author going?
    FEED_UP = "feed_up"
    #: How did it go?
    FEED_BACK = "feed_back"
    #: What next?
    FEED_FORWARD = "feed_forward"


@dataclass(frozen=True, slots=True)
class Feedback:
    """One remark to the author, with what it rests on."""

    kind: FeedbackKind
    text: str = field(repr=False)
    #: In the reflection.
    evidence: tuple[Evidence, ...]
    #: In the debate.
    said: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class ReflectionAnalysis:
    """How deep a reflection goes, and what it rests on."""

    depth: Depth
    confidence: float
    indicators: tuple[Indicator, ...]
    #: Overlap with what was said; None without a conversation.
    grounded_in_debate: Metric | None
    tone: Metric
    #: Questions to think on; at most 3.
    prompts: tuple[str, ...] = field(repr=False)
    provenance: Provenance
    #: What the depth rests on, or why there is none; "" by the local engine.
    why: str = field(default="", repr=False)
    #: Only by a model, as is feedback.
    references: tuple[Reference, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    #: What is flagged in it and in its debate; None before that was looked for.
    safety: Safety | None = None
