"""Writes a batch of what jobs report and how they ended, and waits for the server as long as it takes."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from common.broker.running import RunningJob, StopReason
from common.errors import StoreFull, StoreUnavailable
from common.job.model import Content, Progress
from common.job.outcome import Outcome
from common.store import jobs
from common.store.keys import QueueKeys
from common.store.operation import Operation, SyncRunner
from common.store.outbox import spelled

#: The most jobs in one script call: keeps the server's longest script under about 3 ms.
BATCH: Final = 256
#: The most bytes of parts in one script call, unless a single one is larger.
PIECE_BYTES: Final = 1_048_576
#: Between two tries while the server does not answer (s).
RETRY_EVERY_S: Final = 0.25
_log = logging.getLogger(__name__)
R = TypeVar("R")


# Not frozen, like EndItem: many are made.
@dataclass(slots=True)
class ReportItem:
    job: RunningJob
    keys: QueueKeys
    progress: Progress | None
    part: tuple[str, Content] | None


@dataclass(frozen=True, slots=True)
class LinesItem:
    """All that the job has logged by the time that it is written."""

    job: RunningJob
    keys: QueueKeys


@dataclass(frozen=True, slots=True)
class CheckpointItem:
    """The last that the job has put by the time that it is written."""

    job: RunningJob
    keys: QueueKeys


# Not frozen: one is made for each job, and a frozen one takes three times as long to make.
@dataclass(slots=True)
class EndItem:
    job: RunningJob
    keys: QueueKeys
    outcome: Outcome


Item: TypeAlias = ReportItem | LinesItem | CheckpointItem | EndItem


def _ending(end: EndItem) -> jobs.Ending:
    job = end.job
    outbox = spelled(job.followups) if job.followups else b""
    return jobs.Ending(job.lease.member, end.outcome, job.usage, outbox)


def _in_pieces(reports: Sequence[ReportItem]) -> Iterator[list[ReportItem]]:
    """Yield reports in order, so many that their parts stay below PIECE_BYTES; at least one at a time."""
    piece: list[ReportItem] = []
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


class Writer:
    """Writes on the calling thread. `on_committed` hears of each end that was written."""

    def __init__(self, runner: SyncRunner, on_committed: Callable[[list[RunningJob]], None]) -> None:
        self._runner = runner
        self._on_committed = on_committed

    def write(self, batch: list[Item]) -> None:
        """Write checkpoints, then by queue reports, log lines and ends. A job's own stand before its end."""
        reports: defaultdict[QueueKeys, list[ReportItem]] = defaultdict(list)
        logged: defaultdict[QueueKeys, list[RunningJob]] = defaultdict(list)
        ends: defaultdict[QueueKeys, list[EndItem]] = defaultdict(list)
        for item in batch:
            match item:
                case ReportItem():
                    reports[item.keys].append(item)
                case CheckpointItem():
                    self._write_checkpoint(item)
                case LinesItem():
                    logged[item.keys].append(item.job)
                case EndItem():
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

    def _write_reports(self, keys: QueueKeys, some: Sequence[ReportItem]) -> None:
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

    def _write_checkpoint(self, item: CheckpointItem) -> None:
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
