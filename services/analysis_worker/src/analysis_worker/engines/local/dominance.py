"""Stretches in which one debater has the floor: talk-time sharing over sliding windows, as in ConvoKit.

A window of two and a half minutes moves on by half a minute. Where no times were captured, words stand in for
time, at 160 a minute.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Final

from analysis_worker.domain.metric import Basis, rounded
from analysis_worker.domain.result import DominanceWindow
from analysis_worker.engines.local.document import Document, SpokenTurn
from analysis_worker.engines.local.timing import Timing, span_of

_WINDOW_S: Final = 150.0
_WINDOW_WORDS: Final = 400.0
#: Windows overlap: each step is this part of a window.
_STEPS: Final = 5
#: A longer debate takes longer steps.
_MOST_STEPS: Final = 4_000
#: More than this share dominates.
_DOMINANT: Final = 0.6
#: A window with less talk in it, as a part of its length, says nothing.
_FEWEST: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A turn's place on the axis, in seconds or words."""

    start: float
    end: float
    turn: SpokenTurn


class _Axis:
    """The debaters' turns laid out in time."""

    def __init__(self, stretches: list[_Stretch]) -> None:
        self._stretches = sorted(stretches, key=lambda stretch: (stretch.start, stretch.turn.index))
        self._starts = [stretch.start for stretch in self._stretches]
        self._reached = list(accumulate((stretch.end for stretch in self._stretches), max))
        self.start, self.end = self._starts[0], self._reached[-1]

    def within(self, start: float, end: float) -> list[_Stretch]:
        """Return what lies between two places, at least in part."""
        some = self._stretches[bisect_right(self._reached, start) : bisect_left(self._starts, end)]
        return [stretch for stretch in some if stretch.end > start]

    def talk(self, start: float, end: float) -> dict[str, float]:
        """Return how much each speaker said between two places."""
        talk: defaultdict[str, float] = defaultdict(float)
        for stretch in self.within(start, end):
            talk[stretch.turn.speaker] += min(end, stretch.end) - max(start, stretch.start)
        return talk


def dominance_windows(document: Document, timing: Timing) -> tuple[DominanceWindow, ...]:
    """Return the stretches in order; overlapping windows of the same debater are joined."""
    if len({turn.speaker for turn in document.debater_turns()}) < 2:
        return ()
    basis, stretches = _laid_out(document, timing)
    if len({stretch.turn.speaker for stretch in stretches}) < 2:
        return ()
    axis = _Axis(stretches)
    size = _WINDOW_S if basis is Basis.TIMESTAMPS else _WINDOW_WORDS
    windows = [(start, end, _dominant(axis, start, end)) for start, end in _windows(axis, size)]
    found: list[DominanceWindow] = []
    for who, run in groupby(windows, key=lambda window: window[2]):
        if who is None:
            continue
        joined = list(run)
        start, end = joined[0][0], joined[-1][1]
        turns, talk = [stretch.turn for stretch in axis.within(start, end)], axis.talk(start, end)
        first, last = min(turns, key=_index), max(turns, key=_index)
        total = math.fsum(talk.values())
        if talk[who] > _DOMINANT * total:
            share = min(1.0, rounded(talk[who] / total))
            found.append(
                DominanceWindow(first.turn.turn_id, last.turn.turn_id, who, share, round(total), basis)
            )
    return tuple(found)


def _laid_out(document: Document, timing: Timing) -> tuple[Basis, list[_Stretch]]:
    turns = list(document.debater_turns())
    if timing.timed:
        spans = [(span_of(turn), turn) for turn in turns]
        return Basis.TIMESTAMPS, [_Stretch(*span, turn) for span, turn in spans if span is not None]
    ends = list(accumulate(turn.word_count for turn in turns))
    return Basis.TEXT, [
        _Stretch(end - turn.word_count, end, turn) for end, turn in zip(ends, turns, strict=True)
    ]


def _windows(axis: _Axis, size: float) -> Iterator[tuple[float, float]]:
    """Yield windows from one end of the axis to the other; one, if it is shorter than a window."""
    length = axis.end - axis.start
    step = max(size / _STEPS, length / _MOST_STEPS)
    size = _STEPS * step
    for number in range(1 + max(0, math.ceil((length - size) / step))):
        start = axis.start + number * step
        yield start, start + size


def _dominant(axis: _Axis, start: float, end: float) -> str | None:
    talk = axis.talk(start, end)
    total = math.fsum(talk.values())
    if total < _FEWEST * (end - start):
        return None
    who, most = max(sorted(talk.items()), key=lambda entry: entry[1])
    return who if most > _DOMINANT * total else None


def _index(turn: SpokenTurn) -> int:
    return turn.index
