"""Stops jobs whose leases were not renewed in time, on a thread that no call to the server can hold up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from common.broker.running import RunningJob, StopReason

#: A job stops itself when its lease was not renewed for this share of it: another may soon have it.
FENCE_AT: Final = 0.8
_log = logging.getLogger(__name__)


class Fence:
    """Owns one thread.

    Args:
        held: Returns the jobs that are held, each with when (monotonic s) its lease was last known good.
    """

    def __init__(self, held: Callable[[], Iterable[tuple[RunningJob, float]]], lease_ms: int) -> None:
        self._held = held
        self._good_for_s = lease_ms * FENCE_AT / 1000
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="Fence", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """The thread runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(self._stop_doubtful()):
            pass

    def _stop_doubtful(self) -> float:
        """Stop the jobs of doubtful leases; return how long no other can become so (s)."""
        now_s = time.monotonic()
        next_s = now_s + self._good_for_s
        for job, good_s in self._held():
            if job.stop_reason is not None:
                continue
            ends_s = good_s + self._good_for_s
            if ends_s > now_s:
                next_s = min(next_s, ends_s)
                continue
            _log.error("job %s attempt %d stops itself: its lease was not renewed", job.job_id, job.attempt)
            job.stop(StopReason.LOST)
        return max(0.001, next_s - now_s)
