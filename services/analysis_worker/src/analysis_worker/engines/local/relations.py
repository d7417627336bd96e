"""Suspects which components support and attack each other, from place, words and negation.

Known to be weak: over all pairs, F1 about 0.3 for support and under 0.05 for attack on annotated debates.
So every relation carries a confidence of at most 0.3, and none is certain.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from analysis_worker.domain.arguments import ComponentKind, RelationKind
from analysis_worker.domain.metric import rounded
from analysis_worker.engines.local.claims import ScoredSentence
from analysis_worker.engines.local.document import Document
from analysis_worker.engines.local.lexicon import Cue
from analysis_worker.engines.local.overlap import Overlap

#: A premise stands at most this many components away from its claim.
_SUPPORT_REACH: Final = 3
_SUPPORT_CONFIDENCE: Final = 0.3
_ATTACK_CONFIDENCE: Final = 0.25
#: An attack follows within this many of the debaters' turns.
_ATTACK_REACH_TURNS: Final = 2
#: An answer follows within this many of the debaters' turns.
_ANSWER_REACH_TURNS: Final = 12
#: Share of a claim's weight that has to come up again, and in how many words.
_TAKEN_UP: Final = 0.25
_FEWEST_SHARED: Final = 2
#: In the opponent's very next turn, where an answer is to be expected, less will do.
_TAKEN_UP_AT_ONCE: Final = 0.12


@dataclass(frozen=True, slots=True)
class Link:
    """A relation between two components, by their places in the list of components."""

    source: int
    target: int
    kind: RelationKind
    cross_turn: bool
    confidence: float


def support_links(components: Sequence[ScoredSentence]) -> list[Link]:
    """Link each premise to the nearest claim of its turn, the one before it where two are as near."""
    links: list[Link] = []
    for place, component in enumerate(components):
        if component.kind is not ComponentKind.PREMISE:
            continue
        target = _nearest_claim(components, place)
        if target is not None:
            distance = abs(target - place)
            links.append(
                Link(place, target, RelationKind.SUPPORT, False, rounded(_SUPPORT_CONFIDENCE / distance))
            )
    return links


def _nearest_claim(components: Sequence[ScoredSentence], place: int) -> int | None:
    turn = components[place].sentence.turn_index
    for distance in range(1, _SUPPORT_REACH + 1):
        for candidate in (place - distance, place + distance):
            if (
                0 <= candidate < len(components)
                and components[candidate].sentence.turn_index == turn
                and components[candidate].kind is ComponentKind.CLAIM
            ):
                return candidate
    return None


def attack_links(document: Document, components: Sequence[ScoredSentence], overlap: Overlap) -> list[Link]:
    """Link a sentence that contradicts to the recent opposing claim that it speaks of most."""
    by_turn: dict[int, list[int]] = defaultdict(list)
    for place, component in enumerate(components):
        by_turn[component.sentence.turn_index].append(place)
    order = [turn.index for turn in document.debater_turns()]
    opponents = _opponents(document)
    links: list[Link] = []
    for source, component in enumerate(components):
        if not (component.sentence.has(Cue.CONTRAST) or component.sentence.has(Cue.NEGATION)):
            continue
        at = bisect_left(order, component.sentence.turn_index)
        candidates = [
            (round(share, 9), -target)
            for turn_index in order[max(0, at - _ATTACK_REACH_TURNS) : at]
            for target in by_turn[turn_index]
            if components[target].kind is ComponentKind.CLAIM
            and components[target].speaker in opponents[component.speaker]
            and (share := _taken_up(overlap, components[target], component.sentence.content)) > 0
        ]
        if candidates:
            share, target = max(candidates)
            confidence = rounded(_ATTACK_CONFIDENCE * min(1.0, share))
            links.append(Link(source, -target, RelationKind.ATTACK, True, confidence))
    return links


def answers(
    document: Document, components: Sequence[ScoredSentence], overlap: Overlap
) -> dict[int, set[str]]:
    """Return who answered each claim that an opponent could have answered, by its place in the list.

    An answer takes up the claim's words within the debaters' next twelve turns; in the opponent's very next
    one, a single telling word is enough. It may agree.
    """
    turns = list(document.debater_turns())
    order = [turn.index for turn in turns]
    contents = [frozenset(turn.content) for turn in turns]
    opponents = _opponents(document)
    answered: dict[int, set[str]] = {}
    for place, component in enumerate(components):
        if component.kind is not ComponentKind.CLAIM:
            continue
        at = bisect_left(order, component.sentence.turn_index)
        later = [
            reply
            for reply in range(at + 1, min(len(turns), at + 1 + _ANSWER_REACH_TURNS))
            if turns[reply].speaker in opponents[component.speaker]
        ]
        if later:
            answered[place] = {
                turns[reply].speaker
                for reply in later
                if _taken_up(overlap, component, contents[reply], at_once=reply == later[0])
            }
    return answered


def _taken_up(
    overlap: Overlap, claim: ScoredSentence, content: Collection[str], *, at_once: bool = False
) -> float:
    """Return the share of the claim that `content` takes up; 0 below the threshold."""
    terms = dict.fromkeys(claim.sentence.content)
    if sum(term in content for term in terms) < (1 if at_once else min(_FEWEST_SHARED, len(terms))):
        return 0.0
    share = overlap.share(terms, content)
    return share if share >= (_TAKEN_UP_AT_ONCE if at_once else _TAKEN_UP) else 0.0


def _opponents(document: Document) -> dict[str, frozenset[str]]:
    return {
        debater.participant_id: frozenset(document.opponents_of(debater.participant_id))
        for debater in document.debaters
    }
