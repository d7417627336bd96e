"""What a job that is not there yet may cost, and when it may start: from others like it, and its queue."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from common.job.model import JobRequest, PaidUsage
from common.job.types import GENERIC
from common.store import jobs, queue_settings, stats
from common.store.keys import QueueKeys, queue_keys
from common.store.operation import AsyncRunner
from common.store.record import index_name
from common.store.workers import Room, list_workers, room_of
from scheduler.explaining import pace_of
from scheduler.start_estimate import Estimate, estimated_start

#: Jobs that an estimate of costs is made from, at most.
SAMPLES: Final = 100
_MINUTE_MS: Final = 60_000
_MINUTES: Final = 10


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What jobs like it cost (millionths of a dollar) and took. Without samples it says nothing."""

    samples: int = 0
    cost_p50: int = 0
    cost_max: int = 0
    input_tokens_p50: int = 0
    output_tokens_p50: int = 0


@dataclass(frozen=True, slots=True)
class JobEstimate:
    """What may be said of a job before it is created."""

    start: Estimate | None
    cost: CostEstimate


class Estimates:
    """Estimates jobs of one namespace."""

    def __init__(self, store: AsyncRunner, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    async def of(self, request: JobRequest) -> JobEstimate:
        """Return when a job would start, and what it would cost."""
        keys = queue_keys(self._namespace, request.queue)
        start, cost = await asyncio.gather(self._start(keys, request), self._cost(keys, request))
        return JobEstimate(start, cost)

    async def _start(self, keys: QueueKeys, request: JobRequest) -> Estimate | None:
        read, settings, (_, reports) = await asyncio.gather(
            self._store.run(stats.read_stats(keys, totals=False)),
            self._store.run(queue_settings.describe(keys)),
            self._store.run(list_workers(self._namespace)),
        )
        serving = [report for report in reports if keys.queue in report.queues]
        if read.paused or settings.draining or not serving:
            return None
        room = room_of(serving, keys.queue, leased=read.leased, most=settings.worker_concurrency)
        present = read.now_ms // _MINUTE_MS
        minutes = range(present - _MINUTES, present + 1)
        counted = await self._store.run(stats.read_stats(keys, minutes=minutes, totals=False))
        return estimated_start(
            from_ms=max(read.now_ms + request.delay_ms, request.run_at_ms or 0),
            ahead=read.ready,
            free=_free(room, settings.concurrency),
            pace=pace_of(counted.minutes, read.now_ms),
        )

    async def _cost(self, keys: QueueKeys, request: JobRequest) -> CostEstimate:
        if request.job_type == GENERIC:
            return CostEstimate()
        alike = (index_name("type", request.job_type), "s=SUCCEEDED")
        program: tuple[jobs.Condition | jobs.Connective, ...] = (
            jobs.Condition("type", "=", request.job_type),
            jobs.Condition("state", "=", "SUCCEEDED"),
            "AND",
        )
        page = await self._store.run(
            jobs.list_jobs(keys, tenant=request.tenant, program=program, indexes=alike, want=SAMPLES)
        )
        return cost_of([job.paid for job in page.jobs if job.paid is not None])


def cost_of(paid: Sequence[PaidUsage]) -> CostEstimate:
    """Return the median and the most of what jobs cost, and their median tokens."""
    if not paid:
        return CostEstimate()
    costs = [each.cost_micro_usd - each.wasted_micro_usd + each.saved_micro_usd for each in paid]
    # Of answers that were there only the cost is known, not the tokens.
    whole = [each for each in paid if not each.reused_calls] or list(paid)
    return CostEstimate(
        len(paid),
        round(statistics.median(costs)),
        max(costs),
        round(statistics.median(each.input_tokens for each in whole)),
        round(statistics.median(each.output_tokens for each in whole)),
    )


def _free(room: Room, concurrency: int | None) -> int:
    return room.free if concurrency is None else max(0, min(room.free, concurrency - room.leased))
