"""Whether a measure moves from conversation to conversation, and how it stands beside the past and others.

The trend is Mann's and Kendall's (Mann 1945, Kendall 1975), the slope Theil's and Sen's. Many measures are
tested at once: of 20 without any trend one is expected to seem to have one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from statistics import fmean, median
from typing import Final

from analysis_worker.domain.insights import Held, Trend, Verdict
from analysis_worker.domain.metric import Metric, measured, rounded, shrunk, unknown
from analysis_worker.engines.local.insights.measures import Measure
from analysis_worker.engines.local.slope import theil_sen

#: Fewer conversations show no trend.
FEWEST_CONVERSATIONS: Final = 4
#: A percentile among fewer would name people rather than place anyone.
FEWEST_OTHERS: Final = 20
#: Exact up to here, if no two values are equal.
_EXACT: Final = 10
_SURE: Final = 0.05
_HALF_CONVERSATIONS: Final = 4
_TOO_FEW: Final = f"fewer than {FEWEST_CONVERSATIONS} conversations hold it"


def trend_of(measure: Measure, own: Sequence[Held], others: Mapping[str, Sequence[Held]]) -> Trend:
    """Return the trend of a measure.

    Args:
        own: What counts of the participant, in order.
        others: What counts of other participants.
    """
    holding = [held for held in own if measure.name in held.values]
    maker = _maker(measure, holding)
    used = [held.values[measure.name] for held in holding if _made_by(measure, held) == maker]
    levels = [_value(metric) for metric in used]
    sure = fmean(metric.confidence for metric in used) if used else 0.0
    confidence = shrunk(sure, len(used), _HALF_CONVERSATIONS)
    slope, p_value = unknown(measure.unit, _TOO_FEW, sample_size=len(used)), None
    verdict = Verdict.INSUFFICIENT_DATA
    if len(levels) >= FEWEST_CONVERSATIONS:
        steep, interval = theil_sen(levels)
        p_value = rounded(mann_kendall(levels))
        slope = measured(steep, measure.unit, len(levels), confidence, basis=used[-1].basis, ci95=interval)
        verdict = _verdict(measure, steep, p_value)
    absent = unknown(measure.unit, "no conversation that counts holds it")
    baseline = change = unknown(measure.unit, "there is no earlier conversation that counts")
    if len(levels) > 1:
        usual = median(levels[:-1])
        before = len(levels) - 1
        baseline = measured(usual, measure.unit, before, confidence, basis=used[-1].basis)
        change = measured(levels[-1] - usual, measure.unit, len(levels), confidence, basis=used[-1].basis)
    return Trend(
        measure.name,
        verdict,
        used[0] if used else absent,
        used[-1] if used else absent,
        slope,
        p_value,
        baseline,
        change,
        _percentile(measure, maker, levels, others, confidence, used),
        len(holding) - len(used),
    )


def mann_kendall(values: Sequence[float]) -> float:
    """Return the probability, two-sided, that values without a trend seem to have one as strong.

    Exact for up to 10 values of which no two are equal; else by the normal distribution, with the variance
    corrected for ties and the statistic for continuity.
    """
    count = len(values)
    score = sum(
        (later > earlier) - (later < earlier)
        for place, earlier in enumerate(values)
        for later in values[place + 1 :]
    )
    ties = [number for number in Counter(values).values() if number > 1]
    if not ties and count <= _EXACT:
        ways = _inversions(count)
        pairs = count * (count - 1) // 2
        # A score of pairs - 2 i has i pairs in the wrong order.
        as_strong = sum(number for wrong, number in enumerate(ways) if abs(pairs - 2 * wrong) >= abs(score))
        return as_strong / math.factorial(count)
    variance = (
        count * (count - 1) * (2 * count + 5) - sum(tied * (tied - 1) * (2 * tied + 5) for tied in ties)
    ) / 18
    if score == 0 or variance <= 0:
        return 1.0
    return math.erfc((abs(score) - 1) / math.sqrt(2 * variance))


@cache
def _inversions(count: int) -> tuple[int, ...]:
    """Return how many orders of `count` things have 0, 1, ... pairs in the wrong order."""
    ways = [1]
    for size in range(2, count + 1):
        longer = [0] * (len(ways) + size - 1)
        for place, number in enumerate(ways):
            for shift in range(size):
                longer[place + shift] += number
        ways = longer
    return tuple(ways)


def _verdict(measure: Measure, slope: float, p_value: float) -> Verdict:
    if p_value >= _SURE or slope == 0:
        return Verdict.STEADY
    if not measure.better:
        return Verdict.CHANGING
    return Verdict.IMPROVING if slope * measure.better > 0 else Verdict.DECLINING


def _maker(measure: Measure, holding: Sequence[Held]) -> str:
    """Return who made most of the values, of equals the latest: ratings of two engines are two scales."""
    counts = Counter(_made_by(measure, held) for held in holding)
    latest = {_made_by(measure, held): place for place, held in enumerate(holding)}
    return max(counts, key=lambda maker: (counts[maker], latest[maker]), default="")


def _made_by(measure: Measure, held: Held) -> str:
    return held.makers.get(measure.dimension, "")


def _value(metric: Metric) -> float:
    if metric.value is None:
        raise ValueError("a value that is held is not None")
    return metric.value


def _percentile(
    measure: Measure,
    maker: str,
    levels: Sequence[float],
    others: Mapping[str, Sequence[Held]],
    confidence: float,
    used: Sequence[Metric],
) -> Metric:
    """Return which share of the others has a lower median; those with the same count half."""
    medians = []
    for theirs in others.values():
        values = [
            _value(held.values[measure.name])
            for held in theirs
            if measure.name in held.values and _made_by(measure, held) == maker
        ]
        if values:
            medians.append(median(values))
    if not levels:
        return unknown("percentile", "no conversation that counts holds it", sample_size=len(medians))
    if len(medians) < FEWEST_OTHERS:
        note = f"fewer than {FEWEST_OTHERS} others to compare with"
        return unknown("percentile", note, sample_size=len(medians))
    mine = median(levels)
    below = sum(1.0 if other < mine else 0.5 if other == mine else 0.0 for other in medians)
    return measured(100 * below / len(medians), "percentile", len(medians), confidence, basis=used[-1].basis)
