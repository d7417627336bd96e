"""Which dimensions are made, in which order, and how far an analysis has come.

Pure: it is told when things happen and computes. The estimate of the time left rests on measured time only:
the pace of this analysis so far, and before its first dimension the pace of earlier ones in this process.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from analysis_worker.domain.result import Dimension


@dataclass(frozen=True, slots=True)
class Step:
    """One dimension of an analysis."""

    dimension: Dimension
    #: What is being done, in words for people.
    stage: str
    #: Its share of an analysis' processor time, as `benchmarks/local_engine.py` measures it (mean of two sets
    #: of debates). It places the progress bar; the time left rests on what is measured on the way.
    share: float
    #: What it builds on: finished first, and handed over, where it is made at all.
    after: frozenset[Dimension] = frozenset()


_ARGUED: Final = frozenset({Dimension.ARGUMENTS, Dimension.INTERACTION})
#: The quick ones first, so that partial results come early; the summary last.
STEPS: Final = (
    Step(Dimension.LINGUISTICS, "Measuring the language", 0.065),
    Step(Dimension.INTERACTION, "Following who speaks to whom", 0.025),
    Step(Dimension.TONE, "Listening for the tone", 0.205),
    Step(Dimension.TOPICS, "Finding the topics", 0.24),
    Step(Dimension.ARGUMENTS, "Looking for claims and reasons", 0.18, frozenset({Dimension.TOPICS})),
    Step(Dimension.QUALITY, "Weighing the argumentation", 0.01, _ARGUED),
)
#: Reading and preparing the conversation, in the same measure.
PREPARATION_SHARE: Final = 0.275
#: The fraction of a job at which all dimensions are made; the rest is for keeping the result.
MADE: Final = 0.99
#: How much the latest analysis counts in the pace of this process.
_LATEST: Final = 0.3


def steps_for(wanted: Collection[Dimension]) -> tuple[Step, ...]:
    """Return the steps for some dimensions, in order; for none named, all six."""
    return tuple(step for step in STEPS if not wanted or step.dimension in wanted)


class Pace:
    """How long one share of work on one word took, in ms, over the analyses of this process."""

    def __init__(self) -> None:
        self._ms: float | None = None
        #: How many analyses are under way, and of how much (bytes, serialized).
        self.analyses = 0
        self.bytes = 0

    @contextmanager
    def under_way(self, conversation_bytes: int) -> Iterator[None]:
        """Count an analysis as under way until the block ends."""
        self.analyses += 1
        self.bytes += conversation_bytes
        try:
            yield
        finally:
            self.analyses -= 1
            self.bytes -= conversation_bytes

    def learn(self, elapsed_ms: float, share: float, words: int) -> None:
        """Take in a finished analysis."""
        if share <= 0 or words <= 0:
            return
        latest = elapsed_ms / (share * words)
        self._ms = latest if self._ms is None else (1 - _LATEST) * self._ms + _LATEST * latest

    def expect_ms(self, share: float, words: int) -> float | None:
        """Return how long work should take; None before anything was learnt."""
        return None if self._ms is None else self._ms * share * words


class Course:
    """How far one analysis has come. Instants are Unix ms.

    Args:
        words: Length of the conversation, once known; 0 before.
    """

    def __init__(self, steps: Collection[Step], pace: Pace, started_ms: int) -> None:
        self._pace = pace
        self._started_ms = started_ms
        self._total = PREPARATION_SHARE + sum(step.share for step in steps)
        self._done = 0.0
        self._words = 0
        self.finished = 0
        self.steps = len(steps)

    def prepared(self, words: int) -> None:
        """The conversation has been read and prepared."""
        self._words = words
        self._done += PREPARATION_SHARE

    def finish(self, step: Step) -> None:
        """A dimension is done."""
        self._done += step.share
        self.finished += 1

    @property
    def fraction(self) -> float:
        """How much is done, 0 to MADE."""
        return MADE * min(1.0, self._done / self._total)

    def finish_ms(self, now_ms: int) -> int | None:
        """Return when the analysis should be done; None while nothing is there to tell it from."""
        left = self._total - self._done
        if self.finished:
            return now_ms + int((now_ms - self._started_ms) * left / self._done)
        expected_ms = self._pace.expect_ms(left, self._words)
        return None if expected_ms is None else now_ms + int(expected_ms)

    def learn(self, now_ms: int) -> None:
        """Let later analyses expect what this one took."""
        self._pace.learn(now_ms - self._started_ms, self._total, self._words)
