"""Free worker threads, shared by all queues of a worker: what is leased can start at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping


class Slots:
    """Counts free threads. A consumer takes what is free before it fetches, and gives back the rest.

    Args:
        total: Threads of the worker.
        limits: The most jobs of one queue at once, by queue.
        limit: The same for queues that `limits` does not name; None: as many as there are threads.
    """

    def __init__(self, total: int, limits: Mapping[str, int] | None = None, limit: int | None = None) -> None:
        self.total = total
        self._limits = dict(limits or {})
        self._limit = total if limit is None else limit
        self._used: Counter[str] = Counter()
        self._closed = False
        self._changed = threading.Condition()

    @property
    def used(self) -> int:
        """How many threads are taken, over all queues."""
        return self._used.total()

    def take(self, queue: str, timeout_s: float) -> int:
        """Take all slots free for `queue`, waiting for the first up to `timeout_s`; 0 if none came."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._free(queue) > 0, timeout_s):
                return 0
            taken = self._free(queue)
            self._used[queue] += taken
            return taken

    def give(self, queue: str, count: int) -> None:
        """Give slots back. A negative count takes them, for jobs that came with a repeated fetch."""
        if count == 0:
            return
        with self._changed:
            self._used[queue] -= count
            self._changed.notify_all()

    def close(self) -> None:
        """Let no one take a slot from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _free(self, queue: str) -> int:
        if self._closed:
            return 0
        limit = self._limits.get(queue, self._limit)
        return min(self.total - self._used.total(), limit - self._used[queue])
