"""What an operator sets for a queue: how much may run, how fast, how many may wait, and for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from common.job.states import JobState


@dataclass(frozen=True, slots=True)
class Window:
    """At most `count` starts in any `period_ms` (ms): any, not only those that begin at full minutes."""

    count: int
    period_ms: int

    def __str__(self) -> str:
        return f"{self.count}/{self.period_ms}"


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """One tenant's share of a queue."""

    #: Twice the weight is twice the share while tenants compete.
    weight: float = 1.0
    #: The most jobs of the tenant at once, over all workers; None: no limit of its own.
    concurrency: int | None = None
    window: Window | None = None

    def __str__(self) -> str:
        most = "" if self.concurrency is None else self.concurrency
        return f"{self.weight:g}|{most}|{self.window or ''}"


@dataclass(frozen=True, slots=True)
class Keep:
    """At least `count` final jobs of a state stay, and each at least `length_ms` (ms). None: the default."""

    count: int | None = None
    length_ms: int | None = None

    def __str__(self) -> str:
        count, length_ms = ("" if value is None else value for value in (self.count, self.length_ms))
        return f"{count}/{length_ms}"


#: What is kept where a queue's settings say nothing else.
KEPT: Final[Mapping[JobState, tuple[int, int]]] = MappingProxyType(
    {
        JobState.SUCCEEDED: (100, 86_400_000),
        JobState.FAILED: (50, 7 * 86_400_000),
        JobState.CANCELLED: (50, 86_400_000),
        JobState.EXPIRED: (50, 86_400_000),
    }
)


@dataclass(frozen=True, slots=True)
class Ramp:
    """After a resume the queue's jobs at once grow from one to `slots` in `length_ms`."""

    from_ms: int
    length_ms: int
    slots: int


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How many retries of a queue's jobs may start: a share of first attempts, and so many a minute at least.

    Raises:
        ValueError: One of them is out of its bounds: 0 to 100, and 0 to 1,000,000.
    """

    ratio: float = 0.2
    min_per_minute: int = 10

    def __post_init__(self) -> None:
        if not 0 <= self.ratio <= 100 or not 0 <= self.min_per_minute <= 1_000_000:
            raise ValueError(
                f"retry budget: {self.ratio} is not from 0 to 100, or {self.min_per_minute} not to 1,000,000"
            )


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """The settings of one queue. None: no limit."""

    paused: bool = False
    #: When a paused queue goes on by itself.
    resume_at_ms: int | None = None
    #: It takes no new jobs; those that are there run.
    draining: bool = False
    #: Jobs at once, over all workers.
    concurrency: int | None = None
    #: Jobs at once in one worker; None: the worker's own setting.
    worker_concurrency: int | None = None
    window: Window | None = None
    #: Jobs that may wait.
    depth: int | None = None
    #: Labels that jobs can be found by without a scan.
    indexed_labels: tuple[str, ...] = ()
    tenants: Mapping[str, TenantLimits] = field(default_factory=lambda: MappingProxyType({}))
    ramp: Ramp | None = None
    #: Retries that may start in two minutes, as a share of first attempts, and the least; None: the defaults.
    retry_share: float | None = None
    retry_least: int | None = None
    #: How long final jobs are kept, by state; a state that is not there: as KEPT says.
    keep: Mapping[JobState, Keep] = field(default_factory=lambda: MappingProxyType({}))
    #: What final jobs may take before the oldest go before their time; None: any amount.
    memory_bytes: int | None = None
    #: Grows with every change.
    revision: int = 0

    def kept(self, state: JobState) -> tuple[int, int]:
        """Return how many final jobs of a state are kept at least, and how long (ms)."""
        count, length_ms = KEPT[state]
        keep = self.keep.get(state, Keep())
        return (
            count if keep.count is None else keep.count,
            length_ms if keep.length_ms is None else keep.length_ms,
        )
