"""When a waiting job is likely to start: pure, from the pace of its queue and the jobs before it.

A queue whose slots are all taken starts a job whenever one ends. Such starts are taken as a Poisson process:
the time to the n-th is Gamma distributed with shape n, and a rate that was seen in m starts is itself as
uncertain as a Gamma of shape m. The logarithm of a Gamma of shape k has a variance near 1/k, so that of their
ratio is near 1/n + 1/m, and the ratio near lognormal; its median is near (n − 1/3) / (m − 1/3), as a Gamma's
own is near k − 1/3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

#: Fewer starts than these say nothing about the pace.
LEAST_STARTS: Final = 5
#: The 90 % quantile of the standard normal distribution.
_Z90: Final = 1.2816


@dataclass(frozen=True, slots=True)
class Pace:
    """Starts of a queue's jobs within a span that reaches to now."""

    starts: int
    span_ms: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median and a 90 % quantile, Unix ms."""

    p50_ms: int
    p90_ms: int


def estimated_start(*, from_ms: int, ahead: int, free: int, pace: Pace) -> Estimate | None:
    """Return when a job starts; None where there is no basis.

    Args:
        from_ms: When it may start as far as it goes by itself; now if nothing of its own is in the way.
        ahead: Jobs that start before it.
        free: Slots that are free now and may be used.
    """
    if ahead < free:
        return Estimate(from_ms, from_ms)
    if pace.starts < LEAST_STARTS:
        return None
    ends = ahead - free + 1
    median_ms = (ends - 1 / 3) / (pace.starts - 1 / 3) * pace.span_ms
    spread = math.exp(_Z90 * math.sqrt(1 / ends + 1 / pace.starts))
    return Estimate(from_ms + round(median_ms), from_ms + round(median_ms * spread))
