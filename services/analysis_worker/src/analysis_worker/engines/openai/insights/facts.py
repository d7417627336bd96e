"""What a model is told of a participant's trends: figures under our own names for them, and nothing else.

No text, name or id of people is among it, so that nothing has to be replaced before it leaves the process.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from analysis_worker.domain.insights import LearningInsights, Trend, Verdict
from analysis_worker.domain.metric import Metric
from analysis_worker.engines.local.insights.measures import BY_NAME, Measure
from analysis_worker.engines.local.insights.trends import FEWEST_CONVERSATIONS

#: Digits behind the point that are told.
DIGITS: Final = 2
#: The quarters of the cohort in which one does well, or has something to gain (percentiles).
_HIGH: Final = 75.0
_LOW: Final = 25.0
_BETTER: Final = {1: "more", -1: "less", 0: None}


@dataclass(frozen=True, slots=True)
class Fact:
    """One measure over the conversations that count."""

    fid: str
    trend: Trend

    @property
    def measure(self) -> Measure:
        return BY_NAME[self.trend.metric]

    @property
    def good(self) -> bool:
        """Say whether the participant does well there."""
        return self.trend.verdict is Verdict.IMPROVING or self._favour > 0 or self._place >= _HIGH

    @property
    def to_gain(self) -> bool:
        """Say whether there is something to gain."""
        return self.trend.verdict is Verdict.DECLINING or self._favour < 0 or self._place <= _LOW

    @property
    def levels(self) -> tuple[float, ...]:
        """The values of the measure that are told."""
        return _values(self.trend.first, self.trend.last, self.trend.baseline)

    @property
    def changes(self) -> tuple[float, ...]:
        """How far it moves, as it is told."""
        return _values(self.trend.change, self.trend.slope)

    @property
    def percentile(self) -> int | None:
        """Return how many of 100 others lie below; None where that is not known."""
        value = self.trend.cohort_percentile.value
        return None if value is None else round(value)

    @property
    def moves(self) -> tuple[bool, bool]:
        """Return whether something of it goes up, and whether something goes down."""
        changes = (*self.changes, 0.0)
        return max(changes) > 0, min(changes) < 0

    def told(self) -> dict[str, Any]:
        """Return it as it is sent."""
        trend, measure = self.trend, self.measure
        return {
            "id": self.fid,
            "measure": measure.words,
            "unit": measure.unit,
            "better": _BETTER[measure.better],
            "verdict": trend.verdict.value,
            "first": _rounded(trend.first.value),
            "last": _rounded(trend.last.value),
            "usual": _rounded(trend.baseline.value),
            "change": _rounded(trend.change.value),
            "slope": _rounded(trend.slope.value),
            "debates": trend.change.sample_size,
            "percentile": self.percentile,
            "good": self.good,
            "to_gain": self.to_gain,
        }

    @property
    def _favour(self) -> float:
        """How much better the last value is than usual; below 0: worse."""
        return round((self.trend.change.value or 0.0) * self.measure.better, DIGITS)

    @property
    def _place(self) -> float:
        """The percentile counted from the worse end; in the middle where it is not known."""
        percentile = self.trend.cohort_percentile.value
        if percentile is None or not self.measure.better:
            return 50.0
        return percentile if self.measure.better > 0 else 100 - percentile


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is sent of one participant."""

    looked: int
    counted: int
    facts: tuple[Fact, ...]

    def named(self, fids: Sequence[str]) -> list[Fact | None]:
        """Return the facts of some ids; None for each that there is not."""
        known = {fact.fid: fact for fact in self.facts}
        return [known.get(fid) for fid in fids]

    def text(self) -> str:
        """Return them as JSON: equal figures are equal text."""
        return json.dumps(
            {
                "debates": {"looked_at": self.looked, "counted": self.counted},
                "facts": [fact.told() for fact in self.facts],
            },
            separators=(",", ":"),
        )


def facts_of(insights: LearningInsights) -> Facts | None:
    """Return what is to be told; None where there is too little for any trend."""
    counted = sum(looked.counted for looked in insights.conversations)
    trends = [trend for trend in insights.trends if trend.verdict is not Verdict.INSUFFICIENT_DATA]
    if counted < FEWEST_CONVERSATIONS or not trends:
        return None
    facts = tuple(Fact(f"F{place}", trend) for place, trend in enumerate(trends, 1))
    return Facts(len(insights.conversations), counted, facts)


def _values(*metrics: Metric) -> tuple[float, ...]:
    return tuple(round(each.value, DIGITS) for each in metrics if each.value is not None)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS) + 0.0
