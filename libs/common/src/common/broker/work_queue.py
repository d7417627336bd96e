"""Between the consumers and the worker threads: a queue that knows when nobody takes from it.

First in, first out. Dramatiq's own is ordered by the actor's priority, which says nothing about jobs that
were fetched in the right order already. Not `queue.SimpleQueue`: with several threads waiting, its timed
`get` was seen to wait for ever on CPython 3.11.
"""

from __future__ import annotations

import queue
import time
from typing import Any


class WorkQueue(queue.Queue[Any]):
    """Stands in for the worker's `queue.PriorityQueue`."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._last_got_s = time.monotonic()

    @property
    def stuck_s(self) -> float:
        """How long nothing was taken although something waits; 0 when nothing waits."""
        return time.monotonic() - self._last_got_s if self.queue else 0.0

    def _put(self, item: Any) -> None:
        if not self.queue:
            self._last_got_s = time.monotonic()
        super()._put(item)

    def _get(self) -> Any:
        self._last_got_s = time.monotonic()
        return super()._get()
