"""A trend that a few outliers cannot bend: the median of the slopes between all pairs of points.

Theil 1950, Sen 1968; the interval is Sen's, from Kendall's rank statistic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis_worker.domain.interval import Interval, slope_ranks

#: Above this many points, neighbours are averaged first: pairs grow with the square, to 125,000 here.
_MOST_POINTS: Final = 500


def theil_sen(values: Sequence[float]) -> tuple[float, Interval]:
    """Return the slope per step of `values`, and its 95 % interval.

    Raises:
        ValueError: There are fewer than two values.
    """
    if len(values) < 2:
        raise ValueError("values: a slope needs two")
    together = -(-len(values) // _MOST_POINTS)
    groups = [values[at : at + together] for at in range(0, len(values), together)]
    levels = np.array([sum(group) / len(group) for group in groups])
    places = np.array([number * together + (len(group) - 1) / 2 for number, group in enumerate(groups)])
    earlier, later = np.triu_indices(len(levels), k=1)
    slopes = np.sort((levels[later] - levels[earlier]) / (places[later] - places[earlier]))
    low, high = slope_ranks(len(levels), len(slopes))
    return float(np.median(slopes)), (float(slopes[low]), float(slopes[high]))
