"""How far a reply takes up what was just said, beyond what any two turns of the debate share by chance.

A plain form of uptake (Demszky et al. 2021, ACL): overlap of content with the turn replied to, less the
overlap to expect with a turn drawn at random. 0: no more than chance. 1: everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analysis_worker.engines.local.document import Document, SpokenTurn
from analysis_worker.engines.local.overlap import Overlap

#: A moderator may stand between a turn and its reply.
_REACH_TURNS: Final = 2
#: Shorter turns neither give nor take anything up.
_FEWEST_CONTENT_WORDS: Final = 3


def uptakes(document: Document) -> dict[str, list[float]]:
    """Return each debater's uptake in every reply to another debater, 0 to 1 each, in order."""
    overlap = Overlap(document)
    found: dict[str, list[float]] = {}
    for earlier, reply in replies(document):
        if min(len(earlier.content), len(reply.content)) >= _FEWEST_CONTENT_WORDS:
            found.setdefault(reply.speaker, []).append(_uptake(overlap, earlier, reply))
    return found


def replies(document: Document) -> Iterator[tuple[SpokenTurn, SpokenTurn]]:
    """Yield each debater's turn after the nearest one of another debater, at most two turns before."""
    for place, turn in enumerate(document.turns):
        if not turn.debater:
            continue
        before = document.turns[max(0, place - _REACH_TURNS) : place]
        for earlier in reversed(before):
            if earlier.debater and earlier.speaker != turn.speaker:
                yield earlier, turn
                break


def _uptake(overlap: Overlap, earlier: SpokenTurn, reply: SpokenTurn) -> float:
    by_chance = overlap.expected_share(reply.content)
    share = overlap.share(reply.content, frozenset(earlier.content))
    return max(0.0, (share - by_chance) / (1 - by_chance)) if by_chance < 1 else 0.0
