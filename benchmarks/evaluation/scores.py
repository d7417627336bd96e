"""The measures: F1 from counts that can be added up, calibration error, correlation, Pk."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

#: Bins of a reliability diagram.
BINS: Final = 10


def pairs(wanted: Iterable[str], found: Iterable[str]) -> Counter[tuple[str, str]]:
    """Count (wanted, found), so that debates can be added up and drawn anew."""
    return Counter(zip(wanted, found, strict=True))


def f1(counts: Counter[tuple[str, str]], label: str) -> float:
    """Return the F1 of one label; 0 if it neither stands nor was found."""
    hits = counts[label, label]
    wanted = sum(count for (was, _), count in counts.items() if was == label)
    found = sum(count for (_, said), count in counts.items() if said == label)
    return 2 * hits / (wanted + found) if wanted + found else 0.0


def macro_f1(counts: Counter[tuple[str, str]], labels: Sequence[str]) -> float:
    """Return the mean of the labels' F1."""
    return sum(f1(counts, label) for label in labels) / len(labels)


def reliability(shown: Sequence[tuple[float, bool]]) -> list[tuple[float, float, int]]:
    """Return, for each bin that is not empty: mean confidence, share that was right, and how many."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, right in shown:
        bins[min(BINS - 1, int(confidence * BINS))].append((confidence, right))
    return [
        (sum(c for c, _ in some) / len(some), sum(right for _, right in some) / len(some), len(some))
        for some in bins
        if some
    ]


def calibration_error(shown: Sequence[tuple[float, bool]]) -> float:
    """Return the expected calibration error over equal bins (Naeini et al. 2015); 0 for nothing shown."""
    return sum(n * abs(sure - right) for sure, right, n in reliability(shown)) / max(1, len(shown))


def pearson(points: Sequence[tuple[float, float]]) -> float:
    """Return the correlation of the points' coordinates; 0 where one does not vary."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in points)
    spread = sum((x - mean_x) ** 2 for x, _ in points) * sum((y - mean_y) ** 2 for _, y in points)
    return covariance / math.sqrt(spread) if spread else 0.0


def pk(wanted: Sequence[int], found: Sequence[int], window: int | None = None) -> float:
    """Return Pk of a segmentation (Beeferman et al. 1999): segment numbers, unit by unit.

    The window is half the mean length of the wanted segments unless it is given.
    """
    if window is None:
        window = max(2, round(len(wanted) / (len(set(wanted)) * 2)))
    looks = len(wanted) - window
    if looks <= 0:
        return 0.0
    wrong = sum(
        (wanted[at] == wanted[at + window]) != (found[at] == found[at + window]) for at in range(looks)
    )
    return wrong / looks
