"""Explain: what keeps a job from running, from the same facts that fetch obeys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from common.job.priority import Priority
from common.job.states import JobState
from common.store.jobs.arguments import now_argument
from common.store.keys import QueueKeys
from common.store.operation import Argument, Operation
from common.store.scripts import script


class BlockerKind(StrEnum):
    """What a waiting job waits for."""

    #: Its own time: `value` is how long yet (ms).
    RUN_TIME = "RUN_TIME"
    BACKOFF = "BACKOFF"
    #: It was released until later; the detail says why.
    SNOOZED = "SNOOZED"
    #: It was released until later for the sake of a paid call, see common.provider: the circuit of the model,
    #: a limit by the minute or at once, or a budget. The detail says which.
    CIRCUIT = "CIRCUIT"
    PROVIDER_LIMIT = "PROVIDER_LIMIT"
    BUDGET = "BUDGET"
    #: It lost its workers `value` times: it waits to run alone.
    SUSPECT = "SUSPECT"
    #: The fleet's retries of this minute and the last are used up.
    RETRY_BUDGET = "RETRY_BUDGET"
    PAUSED = "PAUSED"
    #: Jobs at once, over all workers.
    CONCURRENCY = "CONCURRENCY"
    #: Jobs at once, while the queue resumes little by little.
    RAMP = "RAMP"
    #: Starts in a period.
    WINDOW = "WINDOW"
    TENANT_CONCURRENCY = "TENANT_CONCURRENCY"
    TENANT_WINDOW = "TENANT_WINDOW"
    #: Other tenants are before its own: `value` of them.
    TENANT_SHARE = "TENANT_SHARE"
    #: Jobs of its own tenant are before it: `value` of them.
    AHEAD_IN_QUEUE = "AHEAD_IN_QUEUE"


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing that must change before the job runs."""

    kind: BlockerKind
    #: What is measured, and its limit; None where there is nothing to measure.
    value: float | None
    limit: float | None
    #: When it may clear (ms); None if that hangs on a job's end or on an operator.
    clears_ms: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A job's wait at one moment. A job that waits only for a worker has no blockers."""

    state: JobState
    now_ms: int
    #: Jobs of its tenant that go before it.
    ahead: int
    #: Ready jobs of the whole queue, and the tenants in line, which are not those that their own limits hold.
    ready: int
    tenants: int
    priority: Priority
    #: Jobs of the queue that run; how many may in one worker, as far as the queue's settings say.
    leased: int
    worker_concurrency: int | None
    #: In the order in which they bind.
    blockers: tuple[Blocker, ...]


#: Why jobs are released that wait for a paid call, and what that is to them.
RELEASED_FOR: Final[Mapping[str, BlockerKind]] = MappingProxyType(
    {
        "CIRCUIT_OPEN": BlockerKind.CIRCUIT,
        "CIRCUIT_PROBING": BlockerKind.CIRCUIT,
        "PROVIDER_AWAY": BlockerKind.CIRCUIT,
        "AUTHENTICATION": BlockerKind.CIRCUIT,
        "QUOTA_EXHAUSTED": BlockerKind.CIRCUIT,
        "PROVIDER_PAUSED": BlockerKind.PROVIDER_LIMIT,
        "REQUEST_LIMIT": BlockerKind.PROVIDER_LIMIT,
        "TOKEN_LIMIT": BlockerKind.PROVIDER_LIMIT,
        "INPUT_TOKEN_LIMIT": BlockerKind.PROVIDER_LIMIT,
        "OUTPUT_TOKEN_LIMIT": BlockerKind.PROVIDER_LIMIT,
        "IN_FLIGHT_LIMIT": BlockerKind.PROVIDER_LIMIT,
        "BUDGET_HELD": BlockerKind.BUDGET,
        "TOTAL_BUDGET_SPENT": BlockerKind.BUDGET,
        "DAY_BUDGET_SPENT": BlockerKind.BUDGET,
        "BATCH_BUDGET_SPENT": BlockerKind.BUDGET,
    }
)


def _kind(told: str, detail: str) -> BlockerKind:
    kind = BlockerKind(told)
    return RELEASED_FOR.get(detail, kind) if kind is BlockerKind.SNOOZED else kind


def explain(
    keys: QueueKeys, job_id: str, *, tenant: str, now_ms: int | None = None
) -> Operation[Explanation | None]:
    """Evaluate live what a job waits for; None if there is no such job of the tenant."""

    def read(reply: Any) -> Explanation | None:
        if not reply:
            return None
        told = [str(item) if isinstance(item, int) else item.decode() for item in reply]
        state, now, ahead, ready, tenants, priority, leased, in_worker, *rest = told
        rows = [rest[i : i + 5] for i in range(0, len(rest), 5)]
        return Explanation(
            JobState(state),
            int(now),
            int(ahead),
            int(ready),
            int(tenants),
            Priority(priority),
            int(leased),
            int(in_worker) if in_worker else None,
            tuple(
                Blocker(
                    _kind(kind, detail),
                    float(value) if value else None,
                    float(limit) if limit else None,
                    int(clears) if clears else None,
                    detail,
                )
                for kind, value, limit, clears, detail in rows
            ),
        )

    arguments: list[Argument] = [now_argument(now_ms), job_id, tenant]
    return Operation(script("explain"), keys.all(), arguments, read)
