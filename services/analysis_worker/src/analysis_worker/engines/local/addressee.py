"""Whom a turn speaks to: the debater it names, or else the one it follows."""

from __future__ import annotations

from collections import Counter
from typing import Final

from analysis_worker.engines.local.document import Document, SpokenTurn
from analysis_worker.engines.local.words import words_of

#: A reply may come this many turns later, with a moderator in between.
_REACH_TURNS: Final = 2


class Addressees:
    """Looks up the other debater that a turn is most likely for."""

    def __init__(self, document: Document) -> None:
        """Learn the debaters' names and who spoke before whom."""
        self._called = _names(document)
        self._before: dict[int, str] = {}
        recent: list[tuple[int, str]] = []
        for place, turn in enumerate(document.turns):
            if turn.debater:
                earlier = [who for at, who in recent if place - at <= _REACH_TURNS and who != turn.speaker]
                if earlier:
                    self._before[turn.index] = earlier[-1]
                recent = [*recent[-_REACH_TURNS:], (place, turn.speaker)]

    def of(self, turn: SpokenTurn) -> str | None:
        """Return the id of the debater addressed, or None where the text does not tell."""
        named = {
            self._called[word]
            for sentence in turn.sentences
            for word in sentence.words
            if word in self._called and self._called[word] != turn.speaker
        }
        if len(named) == 1:
            return named.pop()
        return self._before.get(turn.index)


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
