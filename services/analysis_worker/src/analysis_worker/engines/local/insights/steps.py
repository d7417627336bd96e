"""What to try next: at most three steps, each about a measure with something to gain, with passages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analysis_worker.domain.insights import Held, Passage, Step, Trend, Verdict
from analysis_worker.engines.local.insights.measures import BY_NAME, Measure

#: Little feedback at a time is what helps (Hattie & Timperley 2007).
MOST_STEPS: Final = 3
_MOST_PASSAGES: Final = 3
#: Passages are of so many latest conversations.
_LATEST: Final = 3
#: The quarter of the cohort where there is most to gain.
_LOW: Final = 25.0


def steps_of(trends: Sequence[Trend], own: Sequence[Held]) -> tuple[Step, ...]:
    """Return the most pressing steps that have something to point to; no passage stands in two."""
    pressing = [(_pressure(trend), trend) for trend in trends]
    steps: list[Step] = []
    shown: set[Passage] = set()
    for pressure, trend in sorted(pressing, key=lambda each: (-each[0], each[1].metric)):
        measure = BY_NAME[trend.metric]
        passages = _passages(measure, own, shown)
        if not pressure or not passages:
            continue
        shown.update(passages)
        steps.append(
            Step(trend.metric, measure.feed_up, _feed_back(measure, trend), measure.feed_forward, passages)
        )
        if len(steps) == MOST_STEPS:
            break
    return tuple(steps)


def _pressure(trend: Trend) -> float:
    """Return how much there is to gain: 0 for nothing that can be told.

    A decline weighs most, then a place in the cohort's lowest quarter, then a last time worse than usual.
    """
    better = BY_NAME[trend.metric].better
    change, usual = trend.change.value, trend.baseline.value
    if not better or trend.verdict is Verdict.INSUFFICIENT_DATA or change is None or usual is None:
        return 0.0
    worse = max(0.0, -change * better)
    percentile = trend.cohort_percentile.value
    low = percentile is not None and (percentile if better > 0 else 100 - percentile) < _LOW
    relative = min(1.0, worse / max(abs(usual), 0.1))
    return 4.0 * (trend.verdict is Verdict.DECLINING) + 2.0 * low + relative


def _passages(measure: Measure, own: Sequence[Held], shown: set[Passage]) -> tuple[Passage, ...]:
    found = [
        passage
        for held in reversed(own[-_LATEST:])
        for passage in held.passages.get(measure.passages, ())
        if passage not in shown
    ]
    return tuple(found[:_MOST_PASSAGES])


def _feed_back(measure: Measure, trend: Trend) -> str:
    told = f"The last time {measure.words} was {shown(trend.last.value)}"
    told += f"; usual was {shown(trend.baseline.value)}."
    percentile = trend.cohort_percentile.value
    if percentile is not None:
        told += f" {percentile:.0f} of 100 others are below what is usual for you."
    return told


def shown(value: float | None) -> str:
    """Return a number as it stands in words, with two decimals."""
    return "not known" if value is None else f"{value + 0.0:.2f}"
