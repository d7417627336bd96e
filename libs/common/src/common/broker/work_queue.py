"""Between the consumers and the worker threads: what Dramatiq's Worker needs of its queue, and no more.

It is first in, first out. Dramatiq's own is ordered by the actor's priority, which says nothing about
jobs that were fetched in the right order already, and costs several times as much.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import Any


class WorkQueue:
    """Stands in for the worker's `queue.PriorityQueue`."""

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._unfinished = 0
        self._settled = threading.Condition()
        self._last_got_s = time.monotonic()

    @property
    def unfinished_tasks(self) -> int:
        return self._unfinished

    @property
    def stuck_s(self) -> float:
        """How long nothing was taken although something waits; 0 when nothing waits."""
        return 0.0 if self._items.empty() else time.monotonic() - self._last_got_s

    def put(self, item: Any) -> None:
        with self._settled:
            if self._unfinished == 0:
                self._last_got_s = time.monotonic()
            self._unfinished += 1
        self._items.put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Return the oldest item.

        Raises:
            queue.Empty: None came within `timeout` seconds.
        """
        item = self._items.get(block, timeout)
        self._last_got_s = time.monotonic()
        return item

    def get_nowait(self) -> Any:
        return self.get(block=False)

    def task_done(self) -> None:
        with self._settled:
            self._unfinished -= 1
            if self._unfinished == 0:
                self._settled.notify_all()

    def join(self) -> None:
        """Wait until every item was taken and done."""
        with self._settled:
            self._settled.wait_for(lambda: self._unfinished == 0)
