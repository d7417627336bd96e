"""How far an estimate may be off: 95 % intervals of shares, ratios and slopes, from the sample alone.

An interval covers chance, and nothing else. It does not cover what a method gets wrong: that is what
`Metric.confidence` is for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

Interval = tuple[float, float]

#: Quantile of the normal distribution that leaves 2.5 % on each side.
_Z: Final = 1.959964
#: With fewer units a variance is a guess.
FEWEST_UNITS: Final = 5


def share_interval(hits: int, count: int) -> Interval | None:
    """Return Wilson's interval of `hits` of `count` (Wilson 1927); None of nothing."""
    if not count:
        return None
    share, z2 = hits / count, _Z * _Z
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    reach = _Z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def ratio_interval(
    units: Sequence[tuple[float, float]], low: float = -math.inf, high: float = math.inf
) -> Interval | None:
    """Return the interval of a sum over units divided by another, cut to `low`..`high`.

    The ratio estimator (Cochran 1977, chapter 6) with Student's quantile. Units are what is independent: what
    lies within one, such as the sentences of a turn, may hang together. None below `FEWEST_UNITS`, and where
    all units agree, from which no spread can be told.
    """
    count, below = len(units), math.fsum(size for _, size in units)
    if count < FEWEST_UNITS or below <= 0:
        return None
    ratio = math.fsum(value for value, _ in units) / below
    squares = math.fsum((value - ratio * size) ** 2 for value, size in units)
    reach = _student(count - 1) * math.sqrt(count / (count - 1) * squares) / below
    if reach < 1e-9:
        return None
    return max(low, ratio - reach), min(high, ratio + reach)


def mean_interval(values: Sequence[float], low: float = -math.inf, high: float = math.inf) -> Interval | None:
    """Return the interval of a mean; see `ratio_interval`."""
    return ratio_interval([(value, 1.0) for value in values], low, high)


def slope_ranks(count: int, pairs: int) -> tuple[int, int]:
    """Return the places among `pairs` sorted slopes of `count` points that bound the median (Sen 1968)."""
    reach = _Z * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return max(0, math.floor((pairs - reach) / 2)), min(pairs - 1, math.ceil((pairs + reach) / 2))


def _student(freedom: int) -> float:
    """Return Student's two-sided 95 % quantile (Abramowitz & Stegun 26.7.5; right to 0.5 % from 4 on)."""
    z = _Z
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
