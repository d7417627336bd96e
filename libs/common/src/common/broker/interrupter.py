"""Runs plain actors, and interrupts those whose jobs are to stop or have run too long."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Mapping
from typing import Any, Final

import dramatiq
from dramatiq.middleware.threading import current_platform, is_gevent_active, supported_platforms

from common.broker.interrupts import (
    CancelInterrupt,
    Guard,
    JobInterrupt,
    LeaseLostInterrupt,
    ShutdownInterrupt,
    TimeLimitInterrupt,
    raise_missed_again,
)
from common.broker.running import NO_GUARD, RunningJob, StopReason

#: An actor with this option set to False is never interrupted.
INTERRUPTIBLE: Final = "interruptible"
#: How often running jobs are looked at for their time limits (s). A cancel does not wait for that.
LOOK_EVERY_S: Final = 0.1
#: After this (s) it is tried again to strike a thread that could not be struck just now.
RETRY_S: Final = 0.002
_log = logging.getLogger(__name__)
_KINDS: Final[Mapping[StopReason, type[JobInterrupt]]] = {
    StopReason.CANCEL: CancelInterrupt,
    StopReason.LOST: LeaseLostInterrupt,
    StopReason.SHUTDOWN: ShutdownInterrupt,
}


class Interrupter:
    """Owns the thread that strikes; those that run actors call it."""

    def __init__(self) -> None:
        #: By thread: what runs there.
        self._running: dict[int, tuple[RunningJob, Guard]] = {}
        self._plain: dict[str, bool] = {}
        self._wake = threading.Event()
        self._closed = False
        self._limits = True
        self._thread: threading.Thread | None = None
        self._able = current_platform in supported_platforms and not is_gevent_active()

    def start(self, *, limits: bool = True) -> None:
        """Start the thread, if exceptions can be raised in threads here.

        Args:
            limits: Time limits are held; False where Dramatiq's TimeLimit does: two would strike one job.
        """
        self._limits = limits
        if self._able and self._thread is None:
            raise_missed_again()
            self._thread = threading.Thread(target=self._run, name="Interrupter", daemon=True)
            self._thread.start()

    @property
    def alive(self) -> bool:
        """The thread runs, or was never needed."""
        return self._thread is None or self._thread.is_alive()

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def call(
        self,
        job: RunningJob,
        actor: dramatiq.Actor[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Run an actor's code for a job, on this thread.

        Raises:
            JobInterrupt: It is a plain actor, and was told to stop.
        """
        plain = self._plain.get(actor.actor_name)
        if plain is None:
            plain = self._plain[actor.actor_name] = self._able and _is_plain(actor)
        if not plain:
            return actor(*args, **kwargs)
        thread_id = threading.get_ident()
        job.guard = guard = Guard(thread_id)
        self._running[thread_id] = (job, guard)
        job.wake_on_stop(self._wake.set)
        try:
            return guard.run(actor, args, kwargs)
        finally:
            del self._running[thread_id]
            job.guard = NO_GUARD

    def _run(self) -> None:
        pause_s = LOOK_EVERY_S
        while not self._closed:
            self._wake.wait(pause_s)
            self._wake.clear()
            try:
                pause_s = LOOK_EVERY_S if self._strike_all() else RETRY_S
            except Exception:
                _log.exception("jobs that are to stop were not interrupted")

    def _strike_all(self) -> bool:
        """Strike all that are to stop; return whether none is left that could not be struck just now."""
        done = True
        for job, guard in list(self._running.values()):
            kind = self._kind_for(job)
            done = (kind is None or guard.strike(kind)) and done
        return done

    def _kind_for(self, job: RunningJob) -> type[JobInterrupt] | None:
        """Return what to raise in a job's code; None while it may run on."""
        if job.stop_reason is not None:
            return _KINDS[job.stop_reason]
        return TimeLimitInterrupt if self._limits and job.overdue_ms else None


def _is_plain(actor: dramatiq.Actor[..., Any]) -> bool:
    """Whether an actor's code runs on a worker's thread, and may be interrupted."""
    return actor.options.get(INTERRUPTIBLE, True) and not inspect.iscoroutinefunction(
        inspect.unwrap(actor.fn)
    )
