"""Stretches in which one debater has the floor (talk-time sharing, as in ConvoKit, by words)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from analysis_worker.domain.metric import rounded
from analysis_worker.domain.result import DominanceWindow
from analysis_worker.engines.local.document import Document, SpokenTurn

#: A window closes with the turn that fills it.
_WINDOW_WORDS: Final = 500
#: A last window with fewer words says nothing.
_FEWEST_WORDS: Final = 200
#: More than this share dominates.
_DOMINANT: Final = 0.6


def dominance_windows(document: Document) -> tuple[DominanceWindow, ...]:
    """Return the stretches in order; neighbouring ones of the same debater are joined."""
    if len({turn.speaker for turn in document.debater_turns()}) < 2:
        return ()
    windows = [(_dominant(window), window) for window in _windows(document)]
    found: list[DominanceWindow] = []
    for who, run in groupby(windows, key=lambda entry: entry[0]):
        if who is not None:
            turns = [turn for _, window in run for turn in window]
            words = _words(turns)
            found.append(
                DominanceWindow(
                    turns[0].turn.turn_id, turns[-1].turn.turn_id, who, rounded(words[who] / words.total())
                )
            )
    return tuple(found)


def _windows(document: Document) -> Iterator[list[SpokenTurn]]:
    window: list[SpokenTurn] = []
    words = 0
    for turn in document.debater_turns():
        window.append(turn)
        words += turn.word_count
        if words >= _WINDOW_WORDS:
            yield window
            window, words = [], 0
    if words >= _FEWEST_WORDS:
        yield window


def _dominant(window: list[SpokenTurn]) -> str | None:
    words = _words(window)
    who, most = max(sorted(words.items()), key=lambda entry: entry[1])
    return who if most > _DOMINANT * words.total() else None


def _words(turns: list[SpokenTurn]) -> Counter[str]:
    words = Counter[str]()
    for turn in turns:
        words[turn.speaker] += turn.word_count
    return words
