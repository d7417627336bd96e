"""Priority as an allowance of waiting time: earliest virtual deadline first (Stankovic et al., EDF).

A job's place in its tenant's queue is one number, the moment by which it ought to have started:
ready time + allowance. Work therefore ages upward by itself, and a deadline needs no second rule.
CRITICAL is apart: it sorts before every other job, by age.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Priority(StrEnum):
    """How long a job may wait before others give way."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    NORMAL = "NORMAL"
    LOW = "LOW"
    BACKGROUND = "BACKGROUND"


#: Added to the ready time (ms). CRITICAL's is negative and larger than any Unix time in
#: milliseconds before the year 2286, so that CRITICAL jobs sort before all others, oldest first.
ALLOWANCE_MS: Final = MappingProxyType(
    {
        Priority.CRITICAL: -10_000_000_000_000,
        Priority.HIGH: 60_000,
        Priority.NORMAL: 600_000,
        Priority.LOW: 3_600_000,
        Priority.BACKGROUND: 21_600_000,
    }
)
