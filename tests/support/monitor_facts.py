"""Facts for tests of the monitor: a system in which all is well, to be made worse in one respect."""

from __future__ import annotations

from typing import Any, Final

from common.store.stats import Counts
from common.store.workers import WorkerReport
from monitor.facts import Facts, QueueFacts, Reading

#: When the facts were read (Unix ms).
NOW_MS: Final = 1_700_000_000_000
QUEUE: Final = "ai_analysis"


def counts(**totals: int) -> Counts:
    return Counts(totals)


def queue(**differences: Any) -> QueueFacts:
    """Return a queue that is idle, attended and well, but for some fields."""
    well: dict[str, Any] = {
        "queue": QUEUE,
        "read_ms": NOW_MS,
        "pending": 0,
        "scheduled": 0,
        "retrying": 0,
        "running": 0,
        "oldest_pending_ms": None,
        "paused": False,
        "unattended_since_ms": None,
        "total": Counts(),
        "last_minute": Counts(),
        "last_hour": Counts(),
        "recent": Counts(),
        "latency": Counts(),
        "started_lately": 0,
    }
    return QueueFacts(**(well | differences))


def worker(**differences: Any) -> WorkerReport:
    """Return a worker with one free slot of four, but for some fields."""
    well: dict[str, Any] = {
        "worker_id": "worker-1",
        "host": "host-1",
        "pid": 11,
        "version": "0.1.0",
        "queues": (QUEUE,),
        "slots": 4,
        "running": 3,
        "started_ms": NOW_MS - 60_000,
        "reported_ms": NOW_MS - 1_000,
    }
    return WorkerReport(**(well | differences))


def facts(*queues: QueueFacts, workers: tuple[WorkerReport, ...] | None = None) -> Facts:
    """Return facts with one well worker unless others are given."""
    return Facts("bothsides", NOW_MS, queues, (worker(),) if workers is None else workers)


def fresh(found: Facts) -> Reading:
    """Return facts as the collector gives them right after a look."""
    return Reading(found, age_ms=10, store_away=False)
