"""The register of workers: each reports itself every few seconds, and is forgotten when silent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

import orjson

from common.store import keys
from common.store.operation import Operation
from common.store.scripts import script

#: A worker that was silent for longer is no longer there (ms).
SILENCE_MS: Final = 15_000


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker says of itself."""

    worker_id: str
    host: str
    pid: int
    version: str
    queues: tuple[str, ...]
    #: Jobs it can run at once, over all its queues.
    slots: int
    running: int
    started_ms: int
    #: How late its event loop last was (ms).
    loop_lag_ms: int = 0
    #: Its child processes that live, and those of them that hold work.
    children: int = 0
    busy_children: int = 0
    #: The errors that it makes up, in words; "" for none, as it must be in production.
    simulates: str = ""
    #: Models that it asks by its settings and that are near or past their end, in words.
    retiring: tuple[str, ...] = ()
    #: The most jobs of one queue that it runs at once, for queues that it does not give all its slots.
    limits: Mapping[str, int] = field(default_factory=dict)
    #: Jobs that it runs, by queue.
    running_by_queue: Mapping[str, int] = field(default_factory=dict)
    #: When it last reported, by the server's clock; 0 in what it sends.
    reported_ms: int = 0

    def slots_for(self, queue: str, most: int | None = None) -> int:
        """Return how many jobs of a queue it runs at once while it runs no other's.

        Args:
            most: What the queue's settings allow in one worker, as far as they say.
        """
        return min(self.slots, self.limits.get(queue, self.slots) if most is None else most)

    def left_by_others(self, queue: str) -> int:
        """Return how many slots the jobs of its other queues leave."""
        return max(0, self.slots - self.running + self.running_by_queue.get(queue, 0))


@dataclass(frozen=True, slots=True)
class Room:
    """What the workers of a queue have for its jobs."""

    #: Jobs of the queue that may run at once, and how many do.
    slots: int
    leased: int
    #: The workers have threads to spare, but each runs as many of the queue's jobs as it may.
    limited: bool

    @property
    def free(self) -> int:
        return max(0, self.slots - self.leased)


def room_of(workers: Iterable[WorkerReport], queue: str, *, leased: int, most: int | None) -> Room:
    """Return what `workers`, which serve a queue, have for its jobs.

    Args:
        leased: Its jobs that run now; what workers tell of may be some seconds old.
        most: Its jobs that may run at once in one worker, by its settings; None: as each worker tells.
    """
    left = [(worker.left_by_others(queue), worker.slots_for(queue, most)) for worker in workers]
    slots = sum(min(pair) for pair in left)
    return Room(slots, leased, limited=slots < sum(threads for threads, _ in left))


_KNOWN: Final = frozenset(field.name for field in fields(WorkerReport))


def report_worker(namespace: str, report: WorkerReport) -> Operation[int]:
    """Record that a worker is there."""
    body = orjson.dumps(asdict(report))
    return Operation(script("report"), keys.workers(namespace), (report.worker_id, body, SILENCE_MS), int)


def forget_worker(namespace: str, worker_id: str) -> Operation[int]:
    """Record that a worker has gone."""
    return Operation(script("report"), keys.workers(namespace), (worker_id, "", SILENCE_MS), int)


def list_workers(namespace: str) -> Operation[tuple[int, list[WorkerReport]]]:
    """Read the server's time (ms) and the workers that reported lately."""

    def read(reply: list[Any]) -> tuple[int, list[WorkerReport]]:
        return int(reply[0]), [_report(row) for row in reply[1:]]

    return Operation(script("reports"), keys.workers(namespace), (), read)


def _report(row: list[Any]) -> WorkerReport:
    # A field that this version does not know comes from a newer worker, and is passed over.
    body = {name: value for name, value in orjson.loads(row[2]).items() if name in _KNOWN}
    lists = {name: tuple(body.get(name, ())) for name in ("queues", "retiring")}
    return WorkerReport(**{**body, **lists, "reported_ms": int(float(row[1]))})
