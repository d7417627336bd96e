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
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from common.broker.running import RunningJob, StopReason
from common.errors import StoreFull, StoreUnavailable
from common.job.failure import AttemptFailed
from common.job.model import Content, ErrorClass, Progress
from common.job.outcome import Outcome
from common.store import jobs
from common.store.keys import QueueKeys, queue_keys
from common.store.operation import Operation, SyncRunner
from common.store.outbox import spelled

#: The most jobs in one script call: keeps the server's longest script under about 3 ms.
BATCH: Final = 256
#: The most bytes of parts in one script call, unless a single one is larger.
PIECE_BYTES: Final = 1_048_576
#: While others are about to end, a batch gathers for so long (s): a call costs the store as much as ten jobs.
GATHER_S: Final = 0.003
#: Progress alone gathers for so long (s): nobody sees that it is late, and a job tells much at once.
PROGRESS_S: Final = 0.025
#: The most that may wait to be written; who reports more waits.
WAITING_MAX: Final = 4_096
#: Between two tries while the server does not answer (s).
RETRY_EVERY_S: Final = 0.25
_log = logging.getLogger(__name__)
R = TypeVar("R")


# Not frozen, like _End: many are made.
@dataclass(slots=True)
class _Report:
    job: RunningJob
    keys: QueueKeys
    progress: Progress | None
    part: tuple[str, Content] | None


@dataclass(frozen=True, slots=True)
class _Lines:
    """All that the job has logged by the time that it is written."""

    job: RunningJob
    keys: QueueKeys


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """The last that the job has put by the time that it is written."""

    job: RunningJob
    keys: QueueKeys


# Not frozen: one is made for each job, and a frozen one takes three times as long to make.
@dataclass(slots=True)
class _End:
    job: RunningJob
    keys: QueueKeys
    outcome: Outcome


_Item = _Report | _Lines | _Checkpoint | _End


def _ending(end: _End) -> jobs.Ending:
    job = end.job
    outbox = spelled(job.followups) if job.followups else b""
    return jobs.Ending(job.lease.member, end.outcome, job.usage, outbox)


def _in_pieces(reports: Sequence[_Report]) -> Iterator[list[_Report]]:
    """Yield reports in order, so many that their parts stay below PIECE_BYTES; at least one at a time."""
    piece: list[_Report] = []
    size = 0
    for item in reports:
        own = len(item.part[1].data) if item.part is not None else 0
        if piece and size + own > PIECE_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(item)
        size += own
    if piece:
        yield piece


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
        self._on_committed = on_committed
        self._more_to_come = more_to_come
        # Put without a lock, which CPython's deque allows: every job passes here.
        self._items: deque[_Item] = deque()
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
        self._put(_Report(job, self._keys(job), progress, None), presses=False)

    def keep_part(self, job: RunningJob, name: str, content: Content) -> None:
        """Write a finished part of a job's result."""
        self._put(_Report(job, self._keys(job), None, (name, content)))

    def keep_lines(self, job: RunningJob) -> None:
        """Write what a job has logged, when its turn comes. Never waits: there is one such item to a job."""
        self._put(_Lines(job, self._keys(job)), waits=False)

    def keep_checkpoint(self, job: RunningJob) -> None:
        """Write a job's last checkpoint, when its turn comes. Never waits, as above."""
        self._put(_Checkpoint(job, self._keys(job)), waits=False)

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
        self._put(_End(job, self._keys(job), outcome))

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

    def _put(self, item: _Item, *, waits: bool = True, presses: bool = True) -> None:
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

    def _take(self) -> list[_Item]:
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
        return [self._items.popleft() for _ in range(self._writing)]

    def _run(self) -> None:
        while batch := self._take():
            self._writing_since_s = time.monotonic()
            try:
                self._write(batch)
            except Exception:
                # An answer that nobody foresaw must not end the thread: the leases of this batch run
                # out, and the jobs run again.
                _log.exception("a batch of %d outcomes could not be written", len(batch))
            self._writing_since_s = None
            with self._changed:
                self._writing = 0
                self._changed.notify_all()

    def _write(self, batch: list[_Item]) -> None:
        """Write checkpoints, then by queue reports, log lines and ends. A job's own stand before its end."""
        reports: defaultdict[QueueKeys, list[_Report]] = defaultdict(list)
        logged: defaultdict[QueueKeys, list[RunningJob]] = defaultdict(list)
        ends: defaultdict[QueueKeys, list[_End]] = defaultdict(list)
        for item in batch:
            match item:
                case _Report():
                    reports[item.keys].append(item)
                case _Checkpoint():
                    self._write_checkpoint(item)
                case _Lines():
                    logged[item.keys].append(item.job)
                case _End():
                    ends[item.keys].append(item)
        for keys, reported in reports.items():
            for some in _in_pieces(reported):
                self._write_reports(keys, some)
        for keys, written in logged.items():
            self._write_lines(keys, written)
        for keys, of_queue in ends.items():
            states = self._insist(jobs.finish(keys, [_ending(end) for end in of_queue]))
            self._on_committed([end.job for end in of_queue])
            for end, state in zip(of_queue, states, strict=True):
                if state is None:
                    _log.warning(
                        "job %s attempt %d had lost its lease: its outcome was refused",
                        end.job.job_id,
                        end.job.attempt,
                    )

    def _write_reports(self, keys: QueueKeys, some: Sequence[_Report]) -> None:
        some = [item for item in some if item.job.stop_reason is not StopReason.LOST]
        if not some:
            return
        operation = jobs.tell(
            keys, [jobs.Report(item.job.lease.member, item.progress, item.part) for item in some]
        )
        try:
            # Progress alone is dropped while the server does not answer; a part is not.
            insists = any(item.part is not None for item in some)
            answers = self._insist(operation) if insists else self._runner.run(operation)
        except StoreUnavailable:
            return
        except StoreFull:
            # The ends of the jobs still go through, and carry the whole results.
            _log.warning("the store is full: %d reports of jobs were dropped", len(some))
            return
        for item, answer in zip(some, answers, strict=True):
            self._heed(item.job, answer)

    def _write_lines(self, keys: QueueKeys, written: list[RunningJob]) -> None:
        lines = [
            (job, jobs.NewLine(job.lease.member, number, line))
            for job in written
            for number, line in job.notes.lines.take()
            if job.stop_reason is not StopReason.LOST
        ]
        for start in range(0, len(lines), BATCH):
            some = lines[start : start + BATCH]
            try:
                answers = self._insist(jobs.append_log(keys, [line for _, line in some]))
            except StoreFull:
                _log.warning("the store is full: %d log lines of jobs were dropped", len(some))
                continue
            for (job, _), stands in zip(some, answers, strict=True):
                if not stands:
                    job.stop(StopReason.LOST)

    def _write_checkpoint(self, item: _Checkpoint) -> None:
        waiting = item.job.notes.checkpoint.take()
        if waiting is None:
            return
        data, told = waiting
        answer = jobs.LOST
        try:
            if item.job.stop_reason is not StopReason.LOST:
                answer = self._insist(jobs.keep_checkpoint(item.keys, item.job.lease.member, data))
                self._heed(item.job, answer)
        except StoreFull:
            _log.warning("the store is full: a checkpoint of job %s was not kept", item.job.job_id)
        finally:
            told.set_result(answer != jobs.LOST)

    def _heed(self, job: RunningJob, answer: int) -> None:
        if answer == jobs.LOST:
            job.stop(StopReason.LOST)
        elif answer == jobs.STOP:
            job.stop(StopReason.CANCEL)

    def _insist(self, operation: Operation[R]) -> R:
        """Repeat until the server answers. Scripts are fenced, so a repeat changes nothing twice."""
        told = False
        while True:
            try:
                return self._runner.run(operation)
            except StoreUnavailable:
                if not told:
                    _log.warning("the store does not answer; outcomes are kept and written when it does")
                    told = True
                time.sleep(RETRY_EVERY_S)
