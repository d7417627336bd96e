"""Where a moderator or the audience turns the talk to something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from analysis_worker.engines.local.document import Document, SpokenTurn
from analysis_worker.engines.local.lexicon import Cue

#: In parts of an average segment's gain: an announcement nearly decides, a question tips the scales.
_AGENDA_BONUS: Final = 0.5
_QUESTION_BONUS: Final = 0.15
#: A shorter question asks back and does not open anything.
_FEWEST_CONTENT_WORDS: Final = 3


@dataclass(frozen=True, slots=True)
class TurningPoint:
    """Why a turn may open a segment, and how strongly."""

    #: "agenda" or "moderator_question".
    basis: str
    bonus: float


def turning_points(document: Document) -> dict[int, TurningPoint]:
    """Return the turning points by the index of their turn."""
    return {turn.index: point for turn in document.turns if (point := _point(turn)) is not None}


def _point(turn: SpokenTurn) -> TurningPoint | None:
    if turn.debater:
        return None
    if any(sentence.has(Cue.AGENDA) for sentence in turn.sentences):
        return TurningPoint("agenda", _AGENDA_BONUS)
    if len(turn.content) >= _FEWEST_CONTENT_WORDS and any(sentence.question for sentence in turn.sentences):
        return TurningPoint("moderator_question", _QUESTION_BONUS)
    return None
