"""Mergeable latency histograms: counts by bucket, four buckets to an octave of milliseconds.

Bucket b holds elapsed times t (ms) with floor(4·log2(t + 1)) = b, so a bucket is 19 % wide, and two
histograms are merged by adding their counts. Percentiles come from these, never from averages.
"""

from __future__ import annotations

from collections.abc import Mapping


def upper_edge_ms(bucket: int) -> float:
    """Return the least elapsed time (ms) that no longer belongs to `bucket`."""
    return float(2 ** ((bucket + 1) / 4) - 1)


def quantile_ms(counts: Mapping[int, int], share: float) -> float | None:
    """Return an upper bound (ms) of the `share` quantile (0 to 1); None without samples."""
    total = sum(counts.values())
    if total == 0:
        return None
    rank = share * total
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= rank:
            return upper_edge_ms(bucket)
    return upper_edge_ms(max(counts))
