"""Measures what coroutines use of the thread that they share, step by step, and of the threads that they ask.

A task belongs to the job in whose coroutine it was made, so that those that a job starts are counted as well.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from common.broker.meter import Meter
from common.broker.running import current_job

P = ParamSpec("P")
R = TypeVar("R")


def measure_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Have a loop measure the tasks of jobs, and what they hand to its default executor."""
    loop.set_task_factory(_task)
    loop.set_default_executor(_MeteredThreads(thread_name_prefix="jobs"))


def _task(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
    job = current_job()
    if job is not None and job.meter.measures:
        coro = _MeteredCoroutine(coro, job.meter)
    return asyncio.Task(coro, loop=loop, **options)


class _MeteredCoroutine(Coroutine[Any, Any, Any]):
    """A coroutine whose steps are timed by the clock of the thread that runs them."""

    def __init__(self, coro: Coroutine[Any, Any, Any], meter: Meter) -> None:
        self._coro = coro
        self._meter = meter
        self.__qualname__ = getattr(coro, "__qualname__", "coroutine")
        self.__name__ = getattr(coro, "__name__", "coroutine")

    def send(self, value: Any) -> Any:
        began_s = time.thread_time()
        try:
            return self._coro.send(value)
        finally:
            self._meter.spend(time.thread_time() - began_s)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        trace: TracebackType | None = None,
    ) -> Any:
        began_s = time.thread_time()
        try:
            error = kind if isinstance(kind, BaseException) else kind(*(() if value is None else (value,)))
            return self._coro.throw(error)
        finally:
            self._meter.spend(time.thread_time() - began_s)

    def close(self) -> None:
        self._coro.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coro.__await__()


class _MeteredThreads(ThreadPoolExecutor):
    """The threads of `asyncio.to_thread`."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        job = current_job()
        if job is None or not job.meter.measures:
            return super().submit(fn, *args, **kwargs)
        return super().submit(_timed, job.meter, functools.partial(fn, *args, **kwargs))


def _timed(meter: Meter, call: Callable[[], R]) -> R:
    began_s = time.thread_time()
    try:
        return call()
    finally:
        meter.spend(time.thread_time() - began_s)
