"""What a batch that is not there yet may cost: what its members may, together."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from common.job.model import JobRequest
from scheduler.estimating import Estimates, JobEstimate
from scheduler.model_rules import ModelRules, ModelWish, Plan

#: Members whose texts are read for a plan; of more, as many that stand evenly among them.
PLANNED: Final = 500
_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class BatchEstimate:
    """Costs of all members together (millionths of a dollar)."""

    #: By the lengths of their texts; `planned_members` of them were read.
    planned: int
    planned_members: int
    #: Jobs like them that the next two are of.
    samples: int
    cost_p50: int
    cost_max: int
    #: When the first of them starts with an even chance (Unix ms).
    start_ms: int | None


class BatchEstimates:
    """Estimates batches of one namespace."""

    def __init__(self, estimates: Estimates, rules: ModelRules) -> None:
        self._estimates = estimates
        self._rules = rules

    async def of(
        self, tenant: str, members: Sequence[JobRequest], wishes: Sequence[ModelWish | None]
    ) -> BatchEstimate:
        """Return what `members` may cost, of which each has its wish of models."""
        (planned, read), kinds = await asyncio.gather(self._plan(tenant, wishes), self._kinds(members))
        starts = [estimate.start.p50_ms for _, estimate in kinds if estimate.start is not None]
        return BatchEstimate(
            planned,
            read,
            sum(estimate.cost.samples for _, estimate in kinds),
            sum(count * estimate.cost.cost_p50 for count, estimate in kinds),
            sum(count * estimate.cost.cost_max for count, estimate in kinds),
            min(starts) if starts else None,
        )

    async def _kinds(self, members: Sequence[JobRequest]) -> list[tuple[int, JobEstimate]]:
        """Return how many members there are of each kind, and an estimate of one."""
        counted = Counter((member.queue, member.job_type) for member in members)
        first = {(member.queue, member.job_type): member for member in reversed(members)}
        estimates = await asyncio.gather(*(self._estimates.of(first[kind]) for kind in counted))
        return list(zip(counted.values(), estimates, strict=True))

    async def _plan(self, tenant: str, wishes: Sequence[ModelWish | None]) -> tuple[int, int]:
        asking = [wish for wish in wishes if wish is not None]
        step = max(1, len(asking) / PLANNED)
        read = [asking[int(place * step)] for place in range(int(len(asking) / step))]
        slots = asyncio.Semaphore(_AT_ONCE)

        async def plan(wish: ModelWish) -> Plan | None:
            async with slots:
                return await self._rules.plan(wish, tenant)

        plans = await asyncio.gather(*map(plan, read))
        cost = sum(found.cost for found in plans if found is not None)
        return round(cost * len(asking) / len(read)) if read else 0, len(read)
