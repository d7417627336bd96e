"""Whether debaters promote their own points or pursue the opponents' (Zhang et al. 2016, NAACL).

A debater's points are the 20 terms that set the own opening apart from the opponents' openings. What counts
is how many of them come up again in the debater's discussion. In Oxford-style debates, winners pursue the
opponents' points more; nothing is concluded from that here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis_worker.domain.metric import Metric, measured, shrunk, unknown
from analysis_worker.engines.local.document import Document, SpokenTurn
from analysis_worker.engines.local.keywords import distinctive

_UNIT: Final = "0..1"
_CEILING: Final = 0.4
_HALF_POINTS: Final = 10
_POINTS: Final = 20
_FEWEST_POINTS: Final = 5
#: An opening lasts for this many stems of content, but at most a third of all that a debater says.
_OPENING_CONTENT: Final = 120
#: A sentence with fewer stems makes no point.
_FEWEST_CONTENT_WORDS: Final = 3
_NOT_ENGLISH: Final = "the list of words to leave out is English"


@dataclass(frozen=True, slots=True)
class Flow:
    """One debater's flow of points."""

    promote_own: Metric
    pursue_opponent: Metric


def flows(document: Document) -> dict[str, Flow]:
    """Return each debater's flow."""
    if not document.english:
        nothing = unknown(_UNIT, _NOT_ENGLISH)
        return {debater.participant_id: Flow(nothing, nothing) for debater in document.debaters}
    parts = {who: _split(turns) for who, turns in document.turns_by_debater().items()}
    openings = {who: Counter(opening) for who, (opening, _) in parts.items()}
    return {
        who: Flow(
            _coverage(_points(openings[who], _together(openings, opponents)), discussion),
            _coverage(_points(_together(openings, opponents), openings[who]), discussion),
        )
        for who, (_, discussion) in parts.items()
        for opponents in [document.opponents_of(who)]
    }


def _split(turns: Sequence[SpokenTurn]) -> tuple[list[str], frozenset[str]]:
    """Return the opening's stems, and the distinct ones of what follows."""
    content = [
        term
        for turn in turns
        for sentence in turn.sentences
        if len(sentence.content) >= _FEWEST_CONTENT_WORDS
        for term in sentence.content
    ]
    length = min(_OPENING_CONTENT, len(content) // 3)
    return content[:length], frozenset(content[length:])


def _together(openings: dict[str, Counter[str]], whose: Sequence[str]) -> Counter[str]:
    return sum((openings[who] for who in whose), Counter())


def _points(own: Counter[str], others: Counter[str]) -> tuple[str, ...]:
    return distinctive(own, others, _POINTS)


def _coverage(points: Sequence[str], discussion: frozenset[str]) -> Metric:
    if len(points) < _FEWEST_POINTS or not discussion:
        return unknown(
            _UNIT, f"needs an opening with {_FEWEST_POINTS} points and a discussion", sample_size=len(points)
        )
    share = sum(point in discussion for point in points) / len(points)
    return measured(share, _UNIT, len(points), shrunk(_CEILING, len(points), _HALF_POINTS))
