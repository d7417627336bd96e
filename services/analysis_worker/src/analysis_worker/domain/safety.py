"""What was flagged in a debate, and what was done about it: kinds and turns, never words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from analysis_worker.domain.provenance import Dimension


class SafetyKind(StrEnum):
    """What is flagged."""

    PROFANITY = "profanity"
    SLUR = "slur"
    THREAT = "threat"
    #: Talk to a model instead of to people.
    MODEL_INSTRUCTION = "model_instruction"
    # What a provider's moderation tells apart, and no list does.
    HARASSMENT = "harassment"
    HATE = "hate"
    SELF_HARM = "self_harm"
    SEXUAL = "sexual"
    VIOLENCE = "violence"
    ILLICIT = "illicit"
    #: A category that is not known here.
    OTHER = "other"


class SafetySource(StrEnum):
    """Who flagged it."""

    LISTS = "lists"
    #: The provider's moderation endpoint.
    MODERATION = "moderation"


class SafetyAction(StrEnum):
    """What was done."""

    FLAGGED = "flagged"
    #: Taken out of what a model was sent, and of the result.
    MASKED = "masked"
    #: The dimension was made without the model.
    REFUSED = "refused"
    #: The sentences were not sent to the model.
    WITHHELD = "withheld"


class Moderation(StrEnum):
    """Whether the provider's moderation was asked; a later one outweighs those before it."""

    NOT_ASKED = "not_asked"
    ASKED = "asked"
    #: It failed, and the model was asked all the same.
    FAILED_OPEN = "failed_open"
    #: It failed, and so no model was asked, or its words were left out.
    FAILED_CLOSED = "failed_closed"


@dataclass(frozen=True, slots=True)
class Flagged:
    """Turns of one kind, in order."""

    kind: SafetyKind
    turn_ids: tuple[str, ...]
    #: Their places among the conversation's turns, from 0.
    places: tuple[int, ...]
    source: SafetySource = SafetySource.LISTS
    action: SafetyAction = SafetyAction.FLAGGED


@dataclass(frozen=True, slots=True)
class FlaggedWords:
    """Texts of a model's own, of one kind."""

    #: None for the reading of a reflection.
    dimension: Dimension | None
    kind: SafetyKind
    source: SafetySource
    action: SafetyAction
    count: int


@dataclass(frozen=True, slots=True)
class Safety:
    """What is flagged, by kind and source. A flag is a reason to look, and no judgement."""

    flagged: tuple[Flagged, ...]
    #: The lists of words are English; without it only MODEL_INSTRUCTION is looked for.
    english: bool
    words: tuple[FlaggedWords, ...] = ()
    moderation: Moderation = Moderation.NOT_ASKED
    #: What the motion is flagged as, by whomever.
    motion: frozenset[SafetyKind] = frozenset()
