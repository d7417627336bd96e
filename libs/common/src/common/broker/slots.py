"""Free worker threads, shared by all queues of a worker: what is leased can start at once, or very soon."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from common.broker.pace import FETCH_MAX, Pace


class Slots:
    """Counts free threads. A consumer takes what is free before it fetches, and gives back the rest.

    Args:
        total: Threads of the worker.
        limits: The most jobs of one queue at once, by queue.
        limit: The same for queues that `limits` does not name; None: as many as there are threads.
    """

    def __init__(self, total: int, limits: Mapping[str, int] | None = None, limit: int | None = None) -> None:
        self.total = total
        self._limits: dict[str, int | None] = dict(limits or {})
        #: What stood in place of limits that a queue's settings have replaced.
        self._overridden: dict[str, int | None] = {}
        self._limit = limit
        self._used: Counter[str] = Counter()
        self._all_used = 0
        self._paces: defaultdict[str, Pace] = defaultdict(Pace)
        self._closed = False
        #: The queue whose consumer waits until no thread is used, to run one job alone; None: no one does.
        self._alone: str | None = None
        #: Consumers that wait, by queue and in all.
        self._waiting: Counter[str] = Counter()
        self._waiters = 0
        #: No one who waits has a use for what was given while so many slots are used, or more.
        self._of_use_below = 0.0
        # A lock by itself, which every job takes, and costs a third of a condition's.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    @property
    def used(self) -> int:
        """How many jobs are leased, over all queues."""
        return self._all_used

    def pace(self, queue: str) -> Pace:
        """Return how fast the jobs of a queue run here."""
        return self._paces[queue]

    def take(self, queue: str, timeout_s: float) -> int:
        """Take all slots free for `queue`, waiting for the first up to `timeout_s`; 0 if none came.

        While every thread is busy it waits until half of what may be leased ahead is used up, so that
        jobs are fetched many at a time.
        """
        with self._changed:
            if not self._worth_taking(queue):
                self._waiting[queue] += 1
                self._waiters += 1
                self._of_use_below = max(self._of_use_below, self._worth_below(queue))
                came = self._changed.wait_for(lambda: self._worth_taking(queue), timeout_s)
                self._stop_waiting()
                self._waiting[queue] -= 1
            else:
                came = True
            if not came:
                return 0
            taken = min(self._free(queue), FETCH_MAX)
            self._used[queue] += taken
            self._all_used += taken
            return taken

    def free(self, queue: str) -> int:
        """Return how many slots `queue` could take now; less than 1 if none."""
        with self._lock:
            return self._free(queue)

    def give(self, queue: str, count: int) -> None:
        """Give slots back. A negative count takes them, for jobs of a repeated fetch or one after a sleep."""
        if count == 0:
            return
        with self._lock:
            self._used[queue] -= count
            self._all_used -= count
            if self._all_used >= self._of_use_below:
                return
            if self._alone is not None or any(
                waiting and self._worth_taking(name) for name, waiting in self._waiting.items()
            ):
                self._changed.notify_all()

    def limit_queue(self, queue: str, most: int | None) -> None:
        """Set how many jobs of a queue may run at once, as its settings say; None: as this worker was set."""
        if self._limits.get(queue, self._limit) == most or (most is None and queue not in self._overridden):
            return
        with self._changed:
            if most is None:
                self._limits[queue] = self._overridden.pop(queue)
            else:
                self._overridden.setdefault(queue, self._limits.get(queue, self._limit))
                self._limits[queue] = most
            self._changed.notify_all()

    def limits(self, queues: Iterable[str]) -> dict[str, int]:
        """Return how many jobs of each queue may run at once, of those queues that have a limit."""
        with self._lock:
            return {name: limit for name in queues if (limit := self._limit_of(name)) is not None}

    def ask_alone(self, queue: str) -> None:
        """Take nothing more but for `queue`, until its `take_all` has had its chance."""
        with self._changed:
            if self._alone is None:
                self._alone = queue

    def wants_alone(self, queue: str) -> bool:
        """Whether `ask_alone` was called for `queue`."""
        return self._alone == queue

    def take_all(self, queue: str, timeout_s: float) -> bool:
        """Take every slot, as soon as none is used; False if that did not come in time."""
        with self._changed:
            self._waiters += 1
            self._of_use_below = float("inf")
            free = self._changed.wait_for(lambda: self._all_used == 0 or self._closed, timeout_s)
            self._stop_waiting()
            if not free or self._closed:
                return False
            self._alone = None
            self._used[queue] += self.total
            self._all_used += self.total
            return True

    def close(self) -> None:
        """Let no one take a slot from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _limit_of(self, queue: str) -> int | None:
        return self._limits.get(queue, self._limit)

    def _ahead(self, queue: str) -> int:
        """Return how many jobs may be leased ahead; none where a limit counts what runs at once."""
        return 0 if self._limit_of(queue) is not None else self._paces[queue].ahead(self.total)

    def _free(self, queue: str) -> int:
        if self._closed or self._alone is not None:
            return 0
        limit = self._limit_of(queue)
        if limit is not None:
            return min(self.total - self._all_used, limit - self._used[queue])
        return self.total + self._ahead(queue) - self._all_used

    def _stop_waiting(self) -> None:
        self._waiters -= 1
        if not self._waiters:
            self._of_use_below = 0.0

    def _worth_below(self, queue: str) -> float:
        """Return how few slots must be used before it can be worth taking some, as fast as jobs run now."""
        if self._limit_of(queue) is not None:
            return float("inf")
        return max(self.total, (self.total + self._ahead(queue)) / 2 + 1)

    def _worth_taking(self, queue: str) -> bool:
        free = self._free(queue)
        return free > 0 and (self._all_used < self.total or 2 * free >= self.total + self._ahead(queue))
