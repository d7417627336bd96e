"""Attempts whose code runs on past their time limit: a call that blocks in C cannot be stopped from outside.

They keep their leases, since the code does run, and hold their threads. Here they are found and told of.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from common.broker.loop import STOP_GRACE_S
from common.broker.running import RunningJob

#: From when on (ms) an attempt is overdue: a coroutine that was stopped may clean up for so long.
OVERDUE_AFTER_MS: Final = int(STOP_GRACE_S * 1000)
_log = logging.getLogger(__name__)


def overdue(jobs: Iterable[RunningJob], after_ms: int = OVERDUE_AFTER_MS) -> list[RunningJob]:
    """Return the jobs that run past their limit by more than `after_ms`."""
    return [job for job in jobs if job.overdue_ms > after_ms]


def tell_overdue(jobs: Iterable[RunningJob], after_ms: int = OVERDUE_AFTER_MS) -> None:
    """Say in the log, and in the job's own, which are overdue; of each attempt once."""
    for job in overdue(jobs, after_ms):
        if job.told_overdue:
            continue
        job.told_overdue = True
        _log.warning(
            "job %s, attempt %d: %s runs past its time limit and cannot be stopped",
            job.job_id,
            job.attempt,
            job.actor,
        )
        job.log(
            "WARNING",
            "The attempt runs past its time limit and cannot be stopped: it blocks, or must not be torn",
            actor=job.actor,
        )
