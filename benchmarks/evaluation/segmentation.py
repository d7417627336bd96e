"""Topic segments against the questions of moderators, who are hidden from the engine.

The protocol: what moderators and questioners say is taken out, and where one of them spoke at least ten
words between two debaters' turns a new topic begins. The engine is told how many segments there are. Pk is
counted over the debaters' sentences.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from analysis_worker.domain.conversation import Conversation, Role
from analysis_worker.engines.local.document import Document, prepare
from analysis_worker.engines.local.topics import analyze_topics
from evaluation import gold
from evaluation.draw import bars
from evaluation.row import Part, Plot, Row, interval
from evaluation.scores import pk

#: A moderator who says fewer words than this has put no question.
_QUESTION_WORDS: Final = 20
_FEWEST_SEGMENTS: Final = 3
_SEED: Final = 1
_DRAWN: Final = 20


@dataclass(frozen=True, slots=True)
class Debate:
    """One debate's Pk: by the engine, at random places, at even distances; and with the number not known."""

    name: str
    engine: float
    drawn: float
    even: float
    unknown: float
    segments: int
    estimated: int


def part(data: Path) -> Part:
    """Return the figures on segments."""
    found = [one for debate in gold.debates(data) if (one := _debate(debate)) is not None]
    if not found:
        return Part(
            "Topics", (Row("Pk, number of segments known", None, note="not measured: no such debate"),)
        )
    rows = (
        _row(
            "Pk, number of segments known",
            found,
            "engine",
            floor=0.38,
            aim=0.35,
            at_most=True,
            reference="0.35 to 0.38",
        ),
        _row("  the same, boundaries at random", found, "drawn", reference="0.49"),
        _row("  the same, boundaries at even distances", found, "even", reference="0.48"),
        _row("Pk, number of segments estimated", found, "unknown"),
    )
    by_debate = [(one.name.removeprefix("elecdeb_"), one.engine) for one in found]
    return Part("Topics", rows, (Plot("Pk by debate", bars(by_debate, most=0.6, mark=0.38)),))


def _row(name: str, found: Sequence[Debate], which: str, **about: Any) -> Row:
    def mean(some: Sequence[Debate]) -> float:
        return sum(float(getattr(one, which)) for one in some) / len(some)

    low, high = interval(found, mean)
    return Row(name, mean(found), n=len(found), low=low, high=high, **about)


def _debate(debate: Conversation) -> Debate | None:
    """Return a debate's figures; None if it has too few topics to tell."""
    debaters = {one.participant_id for one in debate.participants if one.role is Role.DEBATER}
    kept, starts = [], []
    asked = True
    for turn in debate.turns:
        if turn.participant_id in debaters and turn.text.strip():
            starts.append(asked)
            kept.append(turn)
            asked = False
        elif turn.participant_id not in debaters and len(turn.text.split()) >= _QUESTION_WORDS:
            asked = True
    hidden = replace(
        debate,
        turns=tuple(kept),
        participants=tuple(one for one in debate.participants if one.participant_id in debaters),
    )
    document = prepare(hidden)
    segments = sum(starts)
    if segments < _FEWEST_SEGMENTS:
        return None
    wanted = _by_sentence(document, [place for place, start in enumerate(starts) if start])
    known = [turn.turn_id for turn in kept]
    engine = _starts(document, known, segments)
    free = _starts(document, known, None)
    draw = random.Random(_SEED)
    drawn = [
        pk(wanted, _by_sentence(document, [0, *draw.sample(range(1, len(kept)), segments - 1)]))
        for _ in range(_DRAWN)
    ]
    even = [len(kept) * place // segments for place in range(segments)]
    return Debate(
        debate.conversation_id,
        pk(wanted, _by_sentence(document, engine)),
        sum(drawn) / len(drawn),
        pk(wanted, _by_sentence(document, even)),
        pk(wanted, _by_sentence(document, free)),
        segments,
        len(free),
    )


def _starts(document: Document, turn_ids: Sequence[str], segments: int | None) -> list[int]:
    """Return the places of the turns that begin a topic for the engine."""
    topics = analyze_topics(document, segment_count=segments)
    begins = {segment.first_turn_id for segment in topics.segments}
    return [place for place, turn_id in enumerate(turn_ids) if turn_id in begins]


def _by_sentence(document: Document, starts: Sequence[int]) -> list[int]:
    """Return the number of its segment for each sentence."""
    begins = set(starts)
    numbers, current = [], 0
    for turn in document.turns:
        current += turn.index in begins
        numbers += [current] * len(turn.sentences)
    return numbers
