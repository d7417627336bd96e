"""Writes what jobs report and how they ended, in order, on one thread, until the server has answered.

A batch is whatever came while the last one was written, so that a job that ends alone waits for no
one and short jobs that end together share one call (group commit, DeWitt et al. 1984). While more jobs
are before the worker's threads, a batch waits a moment for theirs. Progress waits for more of it, or for
anything else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from common.broker.running import RunningJob
from common.broker.writer import BATCH, CheckpointItem, EndItem, Item, LinesItem, ReportItem, Writer
from common.errors import StoreUnavailable
from common.job.failure import AttemptFailed
from common.job.model import Content, ErrorClass, Progress
from common.job.outcome import Outcome
from common.store import jobs
from common.store.keys import QueueKeys, queue_keys
from common.store.operation import SyncRunner

#: While others are about to end, a batch gathers for so long (s): a call costs the store as much as ten jobs.
GATHER_S: Final = 0.003
#: Progress alone gathers for so long (s): nobody sees that it is late, and a job tells much at once.
PROGRESS_S: Final = 0.025
#: The most that may wait to be written; who reports more waits.
WAITING_MAX: Final = 4_096
_log = logging.getLogger(__name__)


class Committer:
    """Owns one thread, started with the first item. `on_committed` hears of each end that was written.

    Args:
        more_to_come: Whether other jobs will end within the next milliseconds.
        progress_s: How long progress alone gathers.
    """

    def __init__(
        self,
        runner: SyncRunner,
        namespace: str,
        on_committed: Callable[[list[RunningJob]], None],
        more_to_come: Callable[[], bool] = lambda: False,
        *,
        progress_s: float = PROGRESS_S,
    ) -> None:
        self._runner = runner
        self._progress_s = progress_s
        self._namespace = namespace
        self._writer = Writer(runner, on_committed)
        self._more_to_come = more_to_come
        # Put without a lock, which CPython's deque allows: every job passes here.
        self._items: deque[Item] = deque()
        #: Items of the batch that is being written.
        self._writing = 0
        self._idle = False
        #: Something else than progress has been put, which does not wait.
        self._presses = False
        self._gathers = False
        self._closed = False
        self._writing_since_s: float | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def report(self, job: RunningJob, progress: Progress) -> None:
        """Write progress. While the server does not answer it is dropped: a later one says more."""
        self._put(ReportItem(job, self._keys(job), progress, None), presses=False)

    def keep_part(self, job: RunningJob, name: str, content: Content) -> None:
        """Write a finished part of a job's result."""
        self._put(ReportItem(job, self._keys(job), None, (name, content)))

    def keep_lines(self, job: RunningJob) -> None:
        """Write what a job has logged, when its turn comes. Never waits: there is one such item to a job."""
        self._put(LinesItem(job, self._keys(job)), waits=False)

    def keep_checkpoint(self, job: RunningJob) -> None:
        """Write a job's last checkpoint, when its turn comes. Never waits, as above."""
        self._put(CheckpointItem(job, self._keys(job)), waits=False)

    def read_checkpoint(self, job: RunningJob) -> bytes | None:
        """Read what the job's earlier attempts have left, on the calling thread.

        Raises:
            AttemptFailed: The store does not answer.
        """
        try:
            return self._runner.run(jobs.read_checkpoint(self._keys(job), job.job_id))
        except StoreUnavailable as error:
            raise AttemptFailed(ErrorClass.TRANSIENT, error.reason, error.message) from error

    def end(self, job: RunningJob, outcome: Outcome) -> None:
        """Write how a job ended, after all that it reported."""
        self._put(EndItem(job, self._keys(job), outcome))

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything is written; False if the time ran out first."""
        with self._changed:
            self._presses = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._open == 0, timeout_s)

    @property
    def _open(self) -> int:
        """Items that were put and are not written yet; some are counted twice while a batch is taken."""
        return len(self._items) + self._writing

    def close(self) -> None:
        """End the thread once everything is written. What comes later is not written."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def alive(self) -> bool:
        """The thread runs, or was never needed."""
        return self._thread is None or self._thread.is_alive()

    @property
    def waiting_ms(self) -> float:
        """How long what is being written now has waited for the server's answer; 0 while nothing is."""
        began_s = self._writing_since_s
        return 0.0 if began_s is None else (time.monotonic() - began_s) * 1000

    def _keys(self, job: RunningJob) -> QueueKeys:
        return queue_keys(self._namespace, job.queue)

    def _put(self, item: Item, *, waits: bool = True, presses: bool = True) -> None:
        if waits and self._open >= WAITING_MAX:
            with self._changed:
                self._changed.wait_for(lambda: self._open < WAITING_MAX)
        self._items.append(item)
        # Looked at after the item stands there: the thread says that it is idle before it looks for items.
        if presses:
            self._presses = True
        if self._idle or self._thread is None or (self._gathers and (presses or len(self._items) >= BATCH)):
            self._wake()

    def _wake(self) -> None:
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="Committer", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _take(self) -> list[Item]:
        """Wait for the next batch: all that is there, up to BATCH. Empty when closed and all is written."""
        with self._changed:
            self._idle = True
            self._changed.wait_for(lambda: self._items or self._closed)
            self._idle = False
            self._gathers = True
            self._changed.wait_for(
                lambda: self._presses or self._closed or len(self._items) >= BATCH,
                self._progress_s,
            )
            self._gathers = self._presses = False
        if len(self._items) < BATCH and self._more_to_come():
            time.sleep(GATHER_S)
        self._writing = min(BATCH, len(self._items))
        batch = [self._items.popleft() for _ in range(self._writing)]
        if self._items:
            self._presses = True  # what pressed may be among those that are left
        return batch

    def _run(self) -> None:
        while batch := self._take():
            self._writing_since_s = time.monotonic()
            try:
                self._writer.write(batch)
            except Exception:
                # An answer that nobody foresaw must not end the thread: the leases of this batch run
                # out, and the jobs run again.
                _log.exception("a batch of %d outcomes could not be written", len(batch))
            self._writing_since_s = None
            with self._changed:
                self._writing = 0
                self._changed.notify_all()
