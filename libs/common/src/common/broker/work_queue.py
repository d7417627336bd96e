"""Between consumers and worker threads: a queue that takes a batch at once, and tells when it is stuck.

First in, first out. Dramatiq's own is ordered by the actor's priority, which says nothing about jobs that
were fetched in the right order already. Not `queue.SimpleQueue`: with several threads waiting, its timed
`get` was seen to wait for ever on CPython 3.11.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from queue import Empty
from typing import Any


class WorkQueue:
    """Stands in for the worker's `queue.PriorityQueue`, as far as a worker uses one."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        #: Items that were put and are not done.
        self.unfinished_tasks = 0
        # A lock by itself, which costs a third of a condition's, and the conditions that share it.
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._all_done = threading.Condition(self._lock)
        self._waiting = 0
        self._last_got_s = time.monotonic()

    @property
    def stuck_s(self) -> float:
        """How long nothing was taken although something waits; 0 when nothing waits."""
        return time.monotonic() - self._last_got_s if self._items else 0.0

    @property
    def waiting(self) -> int:
        """Threads that wait for an item."""
        return self._waiting

    def qsize(self) -> int:
        return len(self._items)

    def empty(self) -> bool:
        return not self._items

    def put(self, item: Any) -> None:
        self.put_all((item,))

    def put_all(self, items: Sequence[Any], threads: int | None = None) -> None:
        """Put items in their order, with one look for threads that wait.

        Args:
            threads: How many of these are woken at most; None: one for each item.
        """
        with self._lock:
            if not self._items:
                self._last_got_s = time.monotonic()
            self._items.extend(items)
            self.unfinished_tasks += len(items)
            if self._waiting:
                self._filled.notify(len(items) if threads is None else threads)

    def wake_all(self) -> None:
        """Wake the threads that wait, for what those that were woken have not come to."""
        with self._lock:
            self._filled.notify_all()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the first item.

        Raises:
            Empty: None came within `timeout` (s), or there is none and `block` is false.
        """
        with self._lock:
            if not self._items:
                self._wait(timeout if block else 0.0)
            self._last_got_s = time.monotonic()
            return self._items.popleft()

    def get_nowait(self) -> Any:
        return self.get(block=False)

    def task_done(self) -> None:
        """Say that an item which was taken is done."""
        with self._lock:
            self.unfinished_tasks -= 1
            if not self.unfinished_tasks:
                self._all_done.notify_all()

    def join(self) -> None:
        """Wait until all that was put is done."""
        with self._lock:
            self._all_done.wait_for(lambda: not self.unfinished_tasks)

    def _wait(self, timeout_s: float | None) -> None:
        self._waiting += 1
        try:
            if not self._filled.wait_for(lambda: self._items, timeout_s):
                raise Empty
        finally:
            self._waiting -= 1
