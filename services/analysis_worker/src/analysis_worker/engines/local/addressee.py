"""Whom a turn speaks to: the debater it names, or else the one it follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from analysis_worker.engines.local.document import Document, SpokenTurn
from analysis_worker.engines.local.words import words_of

#: A reply may come this many turns later, with a moderator in between.
_REACH_TURNS: Final = 2


def addressees(document: Document) -> Mapping[int, str | None]:
    """Return for each debater's turn, by its index, whom it addresses (id); None where it does not tell."""
    called = _names(document)
    addressed: dict[int, str | None] = {}
    recent: list[tuple[int, str]] = []
    for place, turn in enumerate(document.turns):
        if turn.debater:
            earlier = [who for at, who in recent if place - at <= _REACH_TURNS and who != turn.speaker]
            named = _named(turn, called)
            addressed[turn.index] = earlier[-1] if named is None and earlier else named
            recent = [*recent[-_REACH_TURNS:], (place, turn.speaker)]
    return addressed


def _named(turn: SpokenTurn, called: Mapping[str, str]) -> str | None:
    """Return the id of the one other debater whom a turn names, or None."""
    named = {
        called[word]
        for sentence in turn.sentences
        if not called.keys().isdisjoint(sentence.words)
        for word in sentence.words
        if word in called and called[word] != turn.speaker
    }
    return named.pop() if len(named) == 1 else None


def _names(document: Document) -> dict[str, str]:
    """Map each word that belongs to one debater's name alone to the debater's id.

    Short and ambiguous words are left out: "Will" and "Mark" would be found everywhere, "Lee" belongs to two.
    """
    words = [
        (word, debater.participant_id)
        for debater in document.debaters
        for word in dict.fromkeys(words_of(debater.display_name))
        if len(word) > 3
    ]
    shared = Counter(word for word, _ in words)
    return {
        word: participant_id for word, participant_id in words if shared[word] == 1 and word not in _COMMON
    }


#: Given names that are also everyday words.
_COMMON: Final = frozenset(
    (
        "will",
        "mark",
        "bill",
        "grace",
        "hope",
        "faith",
        "april",
        "june",
        "frank",
        "rich",
        "dean",
        "drew",
        "chase",
    )
)
