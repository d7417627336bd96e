"""The event loop of async actors, on a thread of its own, from which a job's coroutine can be stopped."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Awaitable
from contextlib import nullcontext
from typing import Any, Final, TypeVar

import dramatiq
from dramatiq.asyncio import EventLoopThread

from common.broker.metered_loop import measure_tasks
from common.broker.running import RunningJob, current_job

R = TypeVar("R")

#: A coroutine that was cancelled has this long (s) to clean up; then its thread goes on without it.
STOP_GRACE_S: Final = 10.0
_log = logging.getLogger(__name__)


class JobStopped(dramatiq.Retry):
    """The coroutine was told to stop, and has. A Retry, because Dramatiq's worker logs those quietly."""


class StopIgnored(JobStopped):
    """The coroutine did not end within its grace after it was cancelled; its thread goes on without it."""


class JobLoop(EventLoopThread):
    """Runs coroutines of actors. A job's is cancelled through its task on stop and on timeout."""

    def __init__(self, default_timeout_ms: int) -> None:
        super().__init__(_log)
        self.daemon = True
        self._default_timeout_ms = default_timeout_ms
        measure_tasks(self.loop)

    def run_coroutine(self, coro: Awaitable[R]) -> R:
        """Run `coro` on the loop and wait for it.

        Raises:
            TimeoutError: The job's time limit passed.
            JobStopped: The job was told to stop, and has.
            StopIgnored: It was told to stop, and has not.
        """
        if not self.loop.is_running():
            raise RuntimeError("the event loop is not running: the worker has not booted, or has shut down")
        job = current_job()
        # A plain actor that runs a coroutine is stopped through that.
        with nullcontext() if job is None else job.guard:
            return self._run(coro, job)

    def _run(self, coro: Awaitable[R], job: RunningJob | None) -> R:
        ended: concurrent.futures.Future[R] = concurrent.futures.Future()
        before = None if job is None else job.on_stop(None)
        self.loop.call_soon_threadsafe(self._begin, coro, job, ended)
        try:
            return ended.result()
        finally:
            if job is not None:
                job.on_stop(before)
            # Else the exception, its traceback, this frame and the future would keep each other alive.
            del ended

    def _begin(self, coro: Awaitable[R], job: RunningJob | None, ended: concurrent.futures.Future[R]) -> None:
        task = self.loop.create_task(self._bounded(coro, job))
        task.add_done_callback(lambda done: _transfer(done, ended))

        def interrupt() -> None:
            self.loop.call_soon_threadsafe(self._stop_task, task, ended)

        if job is not None:
            job.on_stop(interrupt)

    async def _bounded(self, coro: Awaitable[R], job: RunningJob | None) -> R:
        limit_ms = job.timeout_ms if job is not None and job.timeout_ms else self._default_timeout_ms
        async with asyncio.timeout(limit_ms / 1000):
            return await coro

    def _stop_task(self, task: asyncio.Task[Any], ended: concurrent.futures.Future[Any]) -> None:
        task.cancel()
        self.loop.call_later(STOP_GRACE_S, _give_up, ended)


def _transfer(task: asyncio.Task[R], ended: concurrent.futures.Future[R]) -> None:
    if ended.done():
        return
    if task.cancelled():
        ended.set_exception(JobStopped())
    elif (error := task.exception()) is not None:
        ended.set_exception(error)
    else:
        ended.set_result(task.result())


def _give_up(ended: concurrent.futures.Future[Any]) -> None:
    if not ended.done():
        ended.set_exception(StopIgnored())
