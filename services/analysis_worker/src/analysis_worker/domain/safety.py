"""What was flagged in a debate: kinds and turns, never words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SafetyKind(StrEnum):
    """What is flagged."""

    PROFANITY = "profanity"
    SLUR = "slur"
    THREAT = "threat"
    #: Talk to a model instead of to people.
    MODEL_INSTRUCTION = "model_instruction"


@dataclass(frozen=True, slots=True)
class Safety:
    """Flagged turns by kind, in order. A flag is a reason to look, and no judgement."""

    turn_ids: tuple[tuple[SafetyKind, tuple[str, ...]], ...]
    #: The lists of words are English; without it only MODEL_INSTRUCTION is looked for.
    english: bool
