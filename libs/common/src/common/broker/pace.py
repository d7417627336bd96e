"""How long the jobs of a queue take, and so how many may be leased ahead of a free thread.

A worker that fetches one job at a time spends more on fetching than a job of a millisecond takes. For
queues of such jobs it leases about 50 ms of work ahead; for longer jobs, which others may wait for, nothing.
"""

from __future__ import annotations

from typing import Final

#: Work that may be leased ahead (s).
AHEAD_S: Final = 0.05
#: Only of jobs that take less than this on average (s): a fetch costs longer ones next to nothing.
SHORT_S: Final = 0.005
#: The most jobs in one fetch: keeps the server's longest script under about 3 ms.
FETCH_MAX: Final = 256
#: The most jobs leased ahead. A worker asks when half of them are used up, and has the other half to do until
#: the answer comes, which takes as long as the scripts of the other workers before it.
AHEAD_MAX: Final = 2 * FETCH_MAX
#: The processor time of jobs that take less than this on average (s) is not measured.
MEASURED_S: Final = 0.001
#: Weight of the newest job in the moving average, once there were enough to average.
_NEWEST: Final = 0.1
#: A thread is woken for so much work (s), and for less none beside one that runs.
_WORTH_A_THREAD_S: Final = 0.01
#: Until this many jobs were seen, nothing is leased ahead.
_KNOWN_AFTER: Final = 8


class Pace:
    """The moving average of one queue's run times. Racing updates lose a sample, which does no harm."""

    def __init__(self) -> None:
        self._mean_s = 0.0
        self._seen = 0

    def note(self, elapsed_s: float) -> None:
        """Take account of a job that ran for `elapsed_s`. A long one counts at once, short ones by and by."""
        self._seen += 1
        if elapsed_s > self._mean_s and elapsed_s > AHEAD_S:
            self._mean_s = elapsed_s
        else:
            # The first ones count alike: from nothing on, the average would take long jobs for short ones.
            self._mean_s += max(_NEWEST, 1 / self._seen) * (elapsed_s - self._mean_s)

    @property
    def is_measured(self) -> bool:
        """Whether these jobs are long enough to measure what they use; until it is known, they are."""
        return self._seen < _KNOWN_AFTER or self._mean_s >= MEASURED_S

    def threads_for(self, count: int) -> int:
        """Return how many threads `count` jobs need; more would take turns at the interpreter's lock."""
        if self._seen < _KNOWN_AFTER:
            return count
        return min(count, 1 + int(count * self._mean_s / _WORTH_A_THREAD_S))

    def ahead(self, threads: int) -> int:
        """Return how many jobs may be leased ahead of `threads` busy threads."""
        if self._seen < _KNOWN_AFTER or self._mean_s >= SHORT_S:
            return 0
        return min(AHEAD_MAX, int(threads * AHEAD_S / max(self._mean_s, 1e-6)))
