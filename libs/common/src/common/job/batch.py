"""A batch: many jobs that were asked for together, and what has become of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from common.job.model import NO_LABELS, PaidUsage
from common.provider.budget import SpentPolicy

#: Members that one batch has at most: some of its scripts look at all of them.
MAX_MEMBERS: Final = 10_000
DEFAULT_KEEP_MS: Final = 7 * 86_400_000
#: Of the members, as the original system had it.
DEFAULT_TOLERANCE: Final = 0.2


class BatchState(StrEnum):
    """Where a batch is. The names are those of a job's states that mean the same."""

    #: Members are being submitted, or have not ended.
    RUNNING = "RUNNING"
    #: No member is submitted any more; those that were have not all ended.
    CANCELLING = "CANCELLING"
    #: All have ended, no more of them failed than may.
    SUCCEEDED = "SUCCEEDED"
    #: All that were submitted have ended, and more of them failed than may.
    FAILED = "FAILED"
    #: It was cancelled before all had ended.
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        return self not in (BatchState.RUNNING, BatchState.CANCELLING)


class Halt(StrEnum):
    """Why no member is submitted any more."""

    CALLER = "CALLER"
    #: More failed than may.
    FAILURES = "FAILURES"


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """How many members may fail (FAILED or EXPIRED), and what happens when more do."""

    #: Share of all members, 0 to 1.
    tolerance: float = DEFAULT_TOLERANCE
    #: None: only the share counts.
    most_failed: int | None = None
    #: Else it goes on to the end, and has failed then.
    stops: bool = True


@dataclass(frozen=True, slots=True)
class Terms:
    """What a caller says of a batch, but for its members."""

    display_name: str = field(default="", repr=False)
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS)
    #: Members that are in their queues or run at once; 0: no bound.
    parallel: int = 0
    failures: FailurePolicy = FailurePolicy()
    #: What paid calls of all members may cost together (millionths of a dollar); 0: no bound of its own.
    max_cost_micro_usd: int = 0
    when_spent: SpentPolicy = SpentPolicy.HOLD
    #: How long it is kept with its members once it has ended.
    keep_ms: int = DEFAULT_KEEP_MS


@dataclass(frozen=True, slots=True)
class Counts:
    """Where the members are."""

    unsubmitted: int = 0
    #: In their queues, or running.
    live: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    #: Ended, and about to be retried.
    retrying: int = 0

    @property
    def ended(self) -> int:
        return self.succeeded + self.failed + self.cancelled + self.expired


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch's record, read at one moment."""

    batch_id: str
    tenant: str
    state: BatchState
    terms: Terms
    counts: Counts
    total: int
    created_ms: int
    updated_ms: int
    ended_ms: int | None
    #: More members may be added.
    is_open: bool
    halt: Halt | None
    #: What the submission waits for: "QUEUE_FULL name", or ""; see scheduler.batches.
    held: str
    #: Of all attempts of all members that ended.
    paid: PaidUsage
    queues: tuple[str, ...]
    #: Grows with each change.
    revision: int

    @property
    def fraction(self) -> float:
        """How much has ended, 0 to 1."""
        return self.counts.ended / self.total if self.total else 0.0

    @property
    def estimated_end_ms(self) -> int | None:
        """When all will have ended, if members go on to end as they have; None while nothing tells."""
        left = self.total - self.counts.ended
        if self.state is not BatchState.RUNNING or self.is_open or not self.counts.ended or not left:
            return None
        return self.updated_ms + left * (self.updated_ms - self.created_ms) // self.counts.ended
