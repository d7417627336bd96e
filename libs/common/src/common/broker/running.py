"""A job while it runs: what its code may ask of it and report."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from enum import Enum, auto
from functools import lru_cache
from typing import Final, NoReturn, Protocol

import dramatiq

from common.broker.meter import Meter
from common.broker.notes import Notes
from common.job.failure import AttemptFailed
from common.job.ids import JobId
from common.job.log import line_of
from common.job.model import Content, ErrorClass, JobRequest, PaidUsage, Progress, Usage
from common.job.outcome import Outcome, Release
from common.job.redaction import shown
from common.store.jobs import CHECKPOINT_BYTES, Lease

#: The longest run of an attempt, if neither the job nor the worker says otherwise (ms).
DEFAULT_TIMEOUT_MS: Final = 300_000
#: The longest stage (characters); what is longer is cut.
STAGE_LENGTH: Final = 200
#: The longest snooze (ms): a year.
SNOOZE_MAX_MS: Final = 31_536_000_000
#: Reports of one stage come at most this often (s); a new stage is always reported.
REPORT_EVERY_S: Final = 0.5


#: That of a job whose code is not to be interrupted.
NO_GUARD: Final = nullcontext()


@lru_cache(maxsize=512)
def _shown_stage(stage: str) -> str:
    """Return a stage as people see it; jobs name few, again and again."""
    return shown(stage, STAGE_LENGTH)


class StopReason(Enum):
    """Why a running job was told to stop."""

    #: Someone cancelled it.
    CANCEL = auto()
    #: Its lease was lost: nothing it does counts any more.
    LOST = auto()
    #: The worker shuts down; another will run it.
    SHUTDOWN = auto()


class Snoozed(dramatiq.Retry):
    """The job gives itself back. A Retry, because Dramatiq's worker logs those quietly."""


class Reporter(Protocol):
    """Takes what a job reports on its way, in order, without waiting for the server."""

    def report(self, job: RunningJob, progress: Progress) -> None: ...

    def keep_part(self, job: RunningJob, name: str, content: Content) -> None: ...

    def keep_lines(self, job: RunningJob) -> None: ...

    def keep_checkpoint(self, job: RunningJob) -> None: ...

    def read_checkpoint(self, job: RunningJob) -> bytes | None: ...


class RunningJob:
    """One attempt on this worker. Safe to use from its thread, its coroutine and the broker's threads.

    Args:
        default_timeout_ms: The worker's limit on an attempt whose job names none.
        measures: Whether the processor time of its thread and coroutines is measured.
    """

    # What most jobs never set stands here, once for all of them.
    #: When a thread took it up (monotonic s); 0 while it waits for one.
    started_s = 0.0
    result: Content | None = None
    #: Whether its own log says that it is overdue.
    told_overdue = False
    #: Set by job code or middleware; the broker decides otherwise.
    outcome: Outcome | None = None
    _notes: Notes | None = None
    _stop_reason: StopReason | None = None
    _interrupt: Callable[[], None] | None = None
    #: Entered around what an interrupt of a plain actor must not tear.
    guard: AbstractContextManager[None] = NO_GUARD
    _stage = ""
    _reported_s = float("-inf")

    def __init__(
        self,
        lease: Lease,
        queue: str,
        actor: str,
        reporter: Reporter,
        *,
        default_timeout_ms: int = DEFAULT_TIMEOUT_MS,
        measures: bool = True,
    ) -> None:
        self.lease = lease
        self.queue = queue
        self.actor = actor
        self.meter = Meter(measures=measures)
        #: Jobs that its end causes: they are submitted once the end is committed, and only then.
        self.followups: list[JobRequest] = []
        self._reporter = reporter
        self._default_timeout_ms = default_timeout_ms
        self._lock = threading.Lock()

    @property
    def job_id(self) -> JobId:
        return self.lease.job_id

    @property
    def attempt(self) -> int:
        return self.lease.attempt

    @property
    def tenant(self) -> str:
        return self.lease.tenant

    @property
    def batch_id(self) -> str:
        """The batch that it is a member of; "" for none."""
        return self.lease.batch_id

    @property
    def spent(self) -> int:
        """Attempts used up before this one."""
        return self.lease.spent

    @property
    def timeout_ms(self) -> int | None:
        """The job's own limit on this attempt; None: the worker's."""
        return self.lease.timeout_ms

    @property
    def remaining_ms(self) -> int:
        """What is left of the attempt's time limit; not below 0. The attempt is stopped then."""
        return max(0, int(self._left_ms))

    @property
    def overdue_ms(self) -> int:
        """How long its code has run past the attempt's time limit; 0 within it, and once the code has ended.

        It is stopped then, but for a plain actor that blocks in C or is not to be interrupted.
        """
        return 0 if self.outcome is not None else max(0, int(-self._left_ms))

    @property
    def _left_ms(self) -> float:
        limit_ms = self.timeout_ms or self._default_timeout_ms
        return limit_ms - ((time.monotonic() - self.started_s) * 1000 if self.started_s else 0.0)

    @property
    def deadline_ms(self) -> int:
        """When the attempt's time limit ends, by this worker's clock (Unix ms)."""
        return time.time_ns() // 1_000_000 + self.remaining_ms

    @property
    def usage(self) -> Usage | None:
        """What the attempt has used, as far as it is known."""
        return self.meter.usage

    @property
    def notes(self) -> Notes:
        """What was logged and kept and is not written yet. Few jobs have any: it is made when first used."""
        with self._lock:
            if self._notes is None:
                self._notes = Notes()
            return self._notes

    @property
    def stop_reason(self) -> StopReason | None:
        return self._stop_reason

    @property
    def cancel_requested(self) -> bool:
        """The job should stop. A coroutine is cancelled, a plain actor interrupted; others look here."""
        return self._stop_reason is not None

    def report(
        self,
        fraction: float,
        stage: str,
        *,
        completed_units: int = 0,
        total_units: int = 0,
        finish_ms: int | None = None,
    ) -> None:
        """Tell how far the job has come: `fraction` 0 to 1, `stage` in words for people.

        Returns at once. Within a stage at most two reports a second are sent; the others are dropped.
        """
        now_s = time.monotonic()
        with self._lock:
            if stage == self._stage and now_s - self._reported_s < REPORT_EVERY_S:
                return
            self._stage, self._reported_s = stage, now_s
        at_ms = time.time_ns() // 1_000_000
        bounded = min(1.0, max(0.0, fraction))
        progress = Progress(bounded, _shown_stage(stage), completed_units, total_units, finish_ms, at_ms)
        with self.guard:
            self._reporter.report(self, progress)

    def keep_part(self, name: str, content: Content) -> None:
        """Keep a finished part of the result, and tell the watchers. Returns at once; never dropped."""
        with self.guard:
            self._reporter.keep_part(self, name, content)

    def log(self, level: str, message: str, /, **fields: object) -> None:
        """Write a line to the job's own log: "DEBUG", "INFO", "WARNING" or "ERROR", a text, and values.

        Returns at once. Of all attempts together the newest 500 lines are kept. Personal data and secrets
        that follow a pattern are masked here, long texts are cut; do not hand over what people wrote.

        Raises:
            ValueError: There is no such level.
        """
        line = line_of(level, message, fields, at_ms=time.time_ns() // 1_000_000)
        with self.guard:
            if self.notes.lines.add(line):
                self._reporter.keep_lines(self)

    def checkpoint(self, data: bytes) -> Future[bool]:
        """Keep what a later attempt needs to go on from here, in place of the last checkpoint.

        Returns at once. The future says whether it, or a later checkpoint, is kept: False if the lease is
        lost or the store is full. It lasts over attempts and a person's retry, until the job succeeds.

        Raises:
            AttemptFailed: It is larger than 1 MiB.
        """
        if len(data) > CHECKPOINT_BYTES:
            raise AttemptFailed(
                ErrorClass.BUG,
                "CHECKPOINT_TOO_LARGE",
                f"checkpoint: {len(data)} bytes are more than {CHECKPOINT_BYTES}",
                suggestion="keep the place that the work has come to, and not the work itself",
            )
        with self.guard:
            told, is_first = self.notes.checkpoint.put(bytes(data))
            if is_first:
                self._reporter.keep_checkpoint(self)
        return told

    def restore(self) -> bytes | None:
        """Return the last checkpoint, of this attempt or an earlier one; None without. Waits for the store.

        Raises:
            AttemptFailed: The store does not answer; TRANSIENT.
        """
        with self.guard:
            latest = self.notes.checkpoint.latest
            return latest if latest is not None else self._reporter.read_checkpoint(self)

    def spend(self, cpu_s: float, peak_bytes: int | None = None) -> None:
        """Count what another process used for this attempt: processor time (s), most memory (bytes)."""
        self.meter.spend(cpu_s, peak_bytes)

    def pay(self, paid: PaidUsage) -> None:
        """Count what a paid call of this attempt took and cost."""
        self.meter.pay(paid)

    def set_result(self, content: Content) -> None:
        """Set what the job returns, in place of the actor's return value."""
        self.result = content

    def release(self, delay_ms: int, reason: str) -> None:
        """Give the job back unspent when the actor returns; it may start again after `delay_ms`."""
        self.outcome = Release(delay_ms, reason)

    def snooze(self, delay_ms: int, reason: str) -> NoReturn:
        """Give the job back unspent, now: it waits for `delay_ms` at least, and ExplainJob shows the reason.

        It ends the attempt by an exception, which must not be caught.

        Args:
            reason: A constant in UPPER_SNAKE_CASE, such as "SOURCE_NOT_READY". No payload.

        Raises:
            ValueError: The delay is below 0 or above a year, or the reason is not spelled so.
        """
        if not 0 <= delay_ms <= SNOOZE_MAX_MS:
            raise ValueError(f"delay_ms: {delay_ms} is not from 0 to {SNOOZE_MAX_MS}")
        if re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", reason) is None:
            raise ValueError("reason: must be UPPER_SNAKE_CASE, at most 64 characters")
        self.release(delay_ms, reason)
        raise Snoozed(delay=delay_ms)

    def stop(self, reason: StopReason) -> None:
        """Tell the job to stop. A coroutine is cancelled, a plain actor is interrupted."""
        with self._lock:
            if self._stop_reason is not None:
                return
            self._stop_reason = reason
            interrupt = self._interrupt
        if interrupt is not None:
            interrupt()

    def on_stop(self, interrupt: Callable[[], None] | None) -> Callable[[], None] | None:
        """Call `interrupt` when the job is told to stop, or now if it was. None: call nothing.

        Return what was called until now.
        """
        with self._lock:
            before, self._interrupt = self._interrupt, interrupt
            stopped = self._stop_reason is not None
        if stopped and interrupt is not None:
            interrupt()
        return before

    def wake_on_stop(self, wake: Callable[[], None]) -> None:
        """As on_stop, without a lock: `wake` may be called twice. For what is done for each of many jobs."""
        self._interrupt = wake
        if self._stop_reason is not None:
            wake()


_current: ContextVar[RunningJob | None] = ContextVar("bothsides_current_job", default=None)


def current_job() -> RunningJob | None:
    """Return the job that the calling actor runs, on its thread or in its coroutine; None outside of one."""
    return _current.get()


def set_current_job(job: RunningJob | None) -> None:
    """Make `job` the current one of this thread. For the broker's middleware."""
    _current.set(job)
