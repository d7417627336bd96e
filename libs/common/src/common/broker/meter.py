"""Adds up what an attempt uses: the processor time of its thread, its coroutines and its child processes."""

from __future__ import annotations

import threading
import time
from typing import Final

from common.job.model import PaidUsage, Usage

#: Held by all meters for an addition: one lock to a job would cost more than any wait for it.
_adding: Final = threading.Lock()


class Meter:
    """The account of one attempt. Memory is known of child processes only: a worker's jobs share its own.

    Args:
        measures: Whether threads and coroutines are measured. Reading a thread's clock is a system call, too
            dear for jobs that take less than it could show.
    """

    __slots__ = ("_began_s", "_cpu_s", "_paid", "_peak_bytes", "measures")

    def __init__(self, *, measures: bool) -> None:
        self.measures = measures
        self._cpu_s = 0.0
        self._peak_bytes: int | None = None
        self._began_s = 0.0
        self._paid: PaidUsage | None = None

    def begin(self) -> None:
        """Measure the calling thread from now on."""
        if self.measures:
            self._began_s = time.thread_time()

    def end(self) -> None:
        """Add what the calling thread used since `begin`."""
        if self.measures:
            self.spend(time.thread_time() - self._began_s)

    def spend(self, cpu_s: float, peak_bytes: int | None = None) -> None:
        """Add processor time; note the memory of a process, of which the largest counts."""
        with _adding:
            self._cpu_s += cpu_s
            if peak_bytes is not None:
                self._peak_bytes = max(peak_bytes, self._peak_bytes or 0)

    def pay(self, paid: PaidUsage) -> None:
        """Add what a paid call took and cost."""
        with _adding:
            self._paid = paid if self._paid is None else self._paid + paid

    @property
    def usage(self) -> Usage | None:
        """What was used until now; None if nothing is known, or it is less than a millisecond."""
        cpu_ms = int(self._cpu_s * 1000) if self.measures else None
        known = cpu_ms or self._peak_bytes or self._paid
        return Usage(cpu_ms, self._peak_bytes, self._paid) if known else None
