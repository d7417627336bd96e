"""ExplainJob: what keeps a job from starting, and when it is likely to start.

The store says what its scripts go by. Added is what only the scheduler sees: whether workers are there,
and have free slots.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from common.errors import JobNotFound
from common.job.states import JobState
from common.store import jobs, stats
from common.store.jobs import Blocker, BlockerKind, Explanation
from common.store.keys import QueueKeys
from common.store.operation import AsyncRunner
from common.store.stats import Counts
from common.store.workers import Room, WorkerReport, list_workers, room_of
from scheduler.jobs import Jobs
from scheduler.start_estimate import Estimate, Pace, estimated_start

_MINUTE_MS: Final = 60_000
#: The pace is that of the present minute and so many before it.
_MINUTES: Final = 10
_WAITING: Final = frozenset({JobState.SCHEDULED, JobState.PENDING, JobState.RETRYING})
_K: Final = BlockerKind
#: What lies in the job itself.
_OWN: Final = frozenset(
    {
        *(_K.RUN_TIME, _K.BACKOFF, _K.SNOOZED, _K.SUSPECT, _K.RETRY_BUDGET),
        *(_K.CIRCUIT, _K.PROVIDER_LIMIT, _K.BUDGET),
    }
)
#: Why a job was given back that waits for other workers than those that took it.
_FOR_OTHERS: Final = frozenset(
    {"UNKNOWN_ACTOR", "NEWER_SPEC", "NEWER_RECORD", "NO_FILE_STORE", "OTHER_FILE_KEY"}
)
#: What goes by turns: other jobs are before it.
_TURNS: Final = frozenset({_K.TENANT_SHARE, _K.AHEAD_IN_QUEUE})


class WorkerBlockerKind(StrEnum):
    """What the store does not know."""

    NO_WORKERS = "NO_WORKERS"
    WORKER_CONCURRENCY = "WORKER_CONCURRENCY"
    WORKERS_BUSY = "WORKERS_BUSY"


@dataclass(frozen=True, slots=True)
class WorkerBlocker:
    """Something about the workers that keeps the job from starting."""

    kind: WorkerBlockerKind
    value: float
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a job waits, at one moment."""

    job_id: str
    queue: str
    facts: Explanation
    #: In the order in which they bind.
    blockers: Sequence[Blocker | WorkerBlocker]
    estimate: Estimate | None


class Explanations:
    """Explains the jobs of one namespace."""

    def __init__(self, store: AsyncRunner, namespace: str, existing: Jobs) -> None:
        self._store = store
        self._namespace = namespace
        self._existing = existing

    async def explain(self, job_id: str, tenant: str) -> Explained:
        """Evaluate why a job has not started.

        Raises:
            JobNotFound: There is no such job of this tenant.
        """
        keys = self._existing.keys_of(job_id)
        facts = await self._store.run(jobs.explain(keys, job_id, tenant=tenant))
        if facts is None:
            raise JobNotFound(job_id)
        if facts.state not in _WAITING:
            return Explained(job_id, keys.queue, facts, (), None)
        (_, reports), pace = await asyncio.gather(
            self._store.run(list_workers(self._namespace)), self._pace(keys, facts.now_ms)
        )
        serving = [report for report in reports if keys.queue in report.queues]
        room = room_of(serving, keys.queue, leased=facts.leased, most=facts.worker_concurrency)
        blockers = in_order(facts, serving, room)
        return Explained(job_id, keys.queue, facts, blockers, estimate(facts, blockers, room, pace))

    async def _pace(self, keys: QueueKeys, now_ms: int) -> Pace:
        present = now_ms // _MINUTE_MS
        minutes = range(present - _MINUTES, present + 1)
        read = await self._store.run(stats.read_stats(keys, minutes=minutes, totals=False))
        return pace_of(read.minutes, now_ms)


def in_order(
    facts: Explanation, serving: Sequence[WorkerReport], room: Room
) -> list[Blocker | WorkerBlocker]:
    """Return the blockers of a waiting job, those of the workers in their places.

    Args:
        serving: Workers of the job's queue.
        room: What they have for its jobs.
    """
    blockers: list[Blocker | WorkerBlocker] = list(facts.blockers)
    limits = _place(facts, lambda kind: kind not in _OWN and kind is not _K.PAUSED)
    if not serving:
        blockers.insert(limits, WorkerBlocker(WorkerBlockerKind.NO_WORKERS, 0))
    elif limits == 0 and room.free == 0:
        turns = _place(facts, lambda kind: kind in _TURNS)
        blockers.insert(turns, _busy(serving, room))
    return blockers


def _busy(serving: Sequence[WorkerReport], room: Room) -> WorkerBlocker:
    if room.limited:
        return WorkerBlocker(WorkerBlockerKind.WORKER_CONCURRENCY, room.leased, room.slots)
    slots = sum(report.slots for report in serving)
    return WorkerBlocker(WorkerBlockerKind.WORKERS_BUSY, slots, slots)


def estimate(
    facts: Explanation,
    blockers: Sequence[Blocker | WorkerBlocker],
    room: Room,
    pace: Pace,
) -> Estimate | None:
    """Return when a waiting job is likely to start; None where there is no basis."""
    from_ms, free, limited_until_ms = facts.now_ms, room.free, 0
    for blocker in blockers:
        match blocker:
            case WorkerBlocker(WorkerBlockerKind.NO_WORKERS):
                return None
            case Blocker(_K.SNOOZED, detail=reason) if reason in _FOR_OTHERS:
                return None
            case Blocker(kind, clears_ms=clears_ms) if kind in _OWN or kind is _K.PAUSED:
                if clears_ms is None:
                    return None
                from_ms = max(from_ms, clears_ms)
            case Blocker(kind, clears_ms=clears_ms) if kind not in _TURNS:
                free = 0
                limited_until_ms = max(limited_until_ms, clears_ms or 0)
    found = estimated_start(from_ms=from_ms, ahead=_ahead(facts, from_ms, pace), free=free, pace=pace)
    if found is None:
        return None
    return Estimate(max(found.p50_ms, limited_until_ms), max(found.p90_ms, limited_until_ms))


def pace_of(minutes: Mapping[int, Counts], now_ms: int) -> Pace:
    """Return the pace since the first of `minutes` (since 1970) in which anything started."""
    starts = {minute: counts.totals.get("started", 0) for minute, counts in minutes.items()}
    began = min((minute for minute, count in starts.items() if count), default=now_ms // _MINUTE_MS)
    return Pace(sum(starts.values()), max(1, now_ms - began * _MINUTE_MS))


def _ahead(facts: Explanation, from_ms: int, pace: Pace) -> int:
    """Return how many jobs start before it, over all tenants."""
    if from_ms > facts.now_ms:
        # Its place in line is not known yet; of those in line now, some will have gone by then.
        return max(0, facts.ready - pace.starts * (from_ms - facts.now_ms) // pace.span_ms)
    turns = facts.ahead * max(1, facts.tenants)
    turns += sum(int(blocker.value or 0) for blocker in facts.blockers if blocker.kind is _K.TENANT_SHARE)
    return min(turns, max(facts.ahead, facts.ready - 1))


def _place(facts: Explanation, wanted: Callable[[BlockerKind], bool]) -> int:
    """Return the place of the first of the store's blockers of a wanted kind, or behind the last."""
    places = (i for i, blocker in enumerate(facts.blockers) if wanted(blocker.kind))
    return next(places, len(facts.blockers))
