"""What was read of all queues and workers at one moment. Immutable; knows nothing of where it came from."""

from __future__ import annotations

from dataclasses import dataclass

from common.store.servers import ServerFacts
from common.store.stats import Counts
from common.store.workers import WorkerReport


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """One queue. Instants are Unix ms by the store's clock."""

    queue: str
    read_ms: int
    #: Jobs that may start now.
    pending: int
    #: Jobs that wait for their time, snoozed ones included.
    scheduled: int
    retrying: int
    #: Leased jobs, cancelling ones included.
    running: int
    #: Since when the longest-waiting pending job has been ready; None: none waits.
    oldest_pending_ms: int | None
    paused: bool
    #: Since when no worker has been seen that consumes the queue; None: one does. Counted from the
    #: first look at the earliest, so it is never longer than the truth.
    unattended_since_ms: int | None
    #: Since the queue began.
    total: Counts
    #: The last whole minute.
    last_minute: Counts
    #: The last 60 whole minutes.
    last_hour: Counts
    #: The last 10 whole minutes and the present one: what the rules judge.
    recent: Counts
    #: The last 60 whole minutes and the present one: what latencies rest on.
    latency: Counts
    #: Attempts started in the last 2 whole minutes and the present one.
    started_lately: int

    @property
    def oldest_pending_age_ms(self) -> int:
        """How long the longest-waiting pending job has been ready; 0 when none waits."""
        return 0 if self.oldest_pending_ms is None else max(0, self.read_ms - self.oldest_pending_ms)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that one look at the store found."""

    namespace: str
    #: When the look began, by the store's clock (Unix ms); no number in it is older.
    read_ms: int
    #: By name.
    queues: tuple[QueueFacts, ...] = ()
    #: By id.
    workers: tuple[WorkerReport, ...] = ()
    #: The servers of the store; none if they may not be asked.
    servers: tuple[ServerFacts, ...] = ()
    #: The store is meant to survive the loss of one of them.
    replicated: bool = False

    def consumers(self, queue: str) -> tuple[WorkerReport, ...]:
        """Return the workers that consume a queue."""
        return tuple(worker for worker in self.workers if queue in worker.queues)


@dataclass(frozen=True, slots=True)
class Reading:
    """The latest facts, and whether they can still be believed."""

    #: None until the first look succeeded.
    facts: Facts | None
    #: Since the look that found them began, by this process's own clock; None without facts.
    age_ms: int | None
    #: Whether the last look failed because the store did not answer.
    store_away: bool
