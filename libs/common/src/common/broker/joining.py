"""Waiting for the end of a queue's jobs, as tests of actors do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dramatiq.errors import DramatiqError, QueueJoinTimeout

from common.job.ids import JobId
from common.job.states import JobState
from common.store import jobs, stats
from common.store.keys import QueueKeys
from common.store.operation import Operation


class JobFailed(DramatiqError):
    """A job of the queue failed. What its actor raised stays in the worker, which may be another process."""

    def __init__(self, job_id: JobId, reason: str, message: str) -> None:
        self.message = f"job {job_id} failed: {reason}: {message}"
        self.job_id = job_id
        #: As in the job's error; for a foreign exception its class in UPPER_SNAKE_CASE.
        self.reason = reason


def join(
    run: Callable[[Operation[Any]], Any],
    keys: QueueKeys,
    *,
    timeout_ms: int | None,
    interval_ms: int,
    fail_fast: bool,
) -> None:
    """Wait until no job of the queue waits or runs, and what its jobs caused has been submitted.

    Args:
        run: Runs an operation.
        interval_ms: Between two looks.
        fail_fast: Raise afterwards if a job that is still kept has failed.

    Raises:
        QueueJoinTimeout: `timeout_ms` passed first.
        JobFailed: Asked to fail fast, and the newest failed job is this one.
    """
    deadline_s = None if timeout_ms is None else time.monotonic() + timeout_ms / 1000
    while _unfinished(run(stats.read_stats(keys, totals=False))):
        if deadline_s is not None and time.monotonic() >= deadline_s:
            raise QueueJoinTimeout(keys.queue)
        time.sleep(interval_ms / 1000)
    if fail_fast:
        condition = jobs.Condition("state", "=", JobState.FAILED.value)
        for job in run(jobs.list_jobs(keys, program=[condition], indexes=["s=FAILED"], want=1)).jobs:
            error = job.error
            raise JobFailed(job.job_id, error.reason if error else "", error.message if error else "")


def _unfinished(now: stats.QueueStatistics) -> bool:
    # Read at one moment: between two looks, a job that ran then has filled an outbox that was empty before.
    return now.ready + now.scheduled + now.retrying + now.leased + now.outbox > 0
