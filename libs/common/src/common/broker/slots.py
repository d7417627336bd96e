"""Free worker threads, shared by all queues of a worker: what is leased can start at once."""

from __future__ import annotations

import threading


class Slots:
    """A counter of free threads. A consumer takes what is free before it fetches, and gives back the rest."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._changed = threading.Condition()

    @property
    def used(self) -> int:
        return self.total - self._free

    def take(self, most: int, timeout_s: float) -> int:
        """Take up to `most` free slots, waiting for the first up to `timeout_s`; 0 if none came free."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._free > 0, timeout_s):
                return 0
            taken = min(most, self._free)
            self._free -= taken
            return taken

    def give(self, count: int) -> None:
        """Give slots back."""
        if count == 0:
            return
        with self._changed:
            self._free += count
            self._changed.notify_all()
