"""A job while it runs: what its code may ask of it and report."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from enum import Enum, auto
from typing import Final, Protocol

from common.job.ids import JobId
from common.job.model import Content, Progress
from common.job.outcome import Outcome, Release
from common.store.jobs import Lease

#: Reports of one stage come at most this often (s); a new stage is always reported.
REPORT_EVERY_S: Final = 0.5


class StopReason(Enum):
    """Why a running job was told to stop."""

    #: Someone cancelled it.
    CANCEL = auto()
    #: Its lease was lost: nothing it does counts any more.
    LOST = auto()
    #: The worker shuts down; another will run it.
    SHUTDOWN = auto()


class Reporter(Protocol):
    """Takes what a job reports on its way, in order, without waiting for the server."""

    def report(self, job: RunningJob, progress: Progress) -> None: ...

    def keep_part(self, job: RunningJob, name: str, content: Content) -> None: ...


class RunningJob:
    """One attempt on this worker. Safe to use from its thread, its coroutine and the broker's threads."""

    def __init__(self, lease: Lease, queue: str, actor: str, reporter: Reporter) -> None:
        self.lease = lease
        self.queue = queue
        self.actor = actor
        #: When a thread took it up (monotonic s); 0 while it waits for one.
        self.started_s = 0.0
        self.result: Content | None = None
        #: Set by job code or middleware; the broker decides otherwise.
        self.outcome: Outcome | None = None
        self._reporter = reporter
        self._lock = threading.Lock()
        self._stop_reason: StopReason | None = None
        self._interrupt: Callable[[], None] | None = None
        self._stage = ""
        self._reported_s = float("-inf")

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
    def spent(self) -> int:
        """Attempts used up before this one."""
        return self.lease.spent

    @property
    def timeout_ms(self) -> int | None:
        """The job's own limit on this attempt; None: the worker's."""
        return self.lease.timeout_ms

    @property
    def stop_reason(self) -> StopReason | None:
        return self._stop_reason

    @property
    def cancel_requested(self) -> bool:
        """The job should stop. Synchronous code looks at this between steps; a coroutine is cancelled."""
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
        self._reporter.report(self, Progress(bounded, stage, completed_units, total_units, finish_ms, at_ms))

    def keep_part(self, name: str, content: Content) -> None:
        """Keep a finished part of the result, and tell the watchers. Returns at once; never dropped."""
        self._reporter.keep_part(self, name, content)

    def set_result(self, content: Content) -> None:
        """Set what the job returns, in place of the actor's return value."""
        self.result = content

    def release(self, delay_ms: int, reason: str) -> None:
        """Give the job back unspent when the actor returns; it may start again after `delay_ms`."""
        self.outcome = Release(delay_ms, reason)

    def stop(self, reason: StopReason) -> None:
        """Tell the job to stop. A coroutine is cancelled; a synchronous actor must look by itself."""
        with self._lock:
            if self._stop_reason is not None:
                return
            self._stop_reason = reason
            interrupt = self._interrupt
        if interrupt is not None:
            interrupt()

    def on_stop(self, interrupt: Callable[[], None] | None) -> None:
        """Call `interrupt` when the job is told to stop, or now if it was. None: call nothing."""
        with self._lock:
            self._interrupt = interrupt
            stopped = self._stop_reason is not None
        if stopped and interrupt is not None:
            interrupt()


_current: ContextVar[RunningJob | None] = ContextVar("bothsides_current_job", default=None)


def current_job() -> RunningJob | None:
    """Return the job that the calling actor runs, on its thread or in its coroutine; None outside of one."""
    return _current.get()


def set_current_job(job: RunningJob | None) -> None:
    """Make `job` the current one of this thread. For the broker's middleware."""
    _current.set(job)
