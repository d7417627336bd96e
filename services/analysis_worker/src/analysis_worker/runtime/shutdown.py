"""How a worker stops: take no more jobs, let the running ones finish, hand back the rest unspent."""

from __future__ import annotations

import logging
import time
from typing import Final

from common.broker import JobBroker, StopReason
from common.job.outcome import Release

#: A job that was told to stop has this long (s) to do so.
STOP_S: Final = 3.0
_LOOK_EVERY_S: Final = 0.02
_log = logging.getLogger(__name__)


def drain(broker: JobBroker, *, grace_ms: int) -> None:
    """Return when no job runs here and none can start, or when all that could be done for that was done.

    Jobs that do not finish within `grace_ms` are stopped; a coroutine ends at its next `await`. A job that
    does not stop either, as a synchronous actor need not, is handed back all the same: its thread ends with
    the process, and the fence keeps it from changing the job meanwhile.
    """
    broker.stop_fetching()
    running = broker.running_jobs()
    if running:
        _log.info("stopping: %d jobs may still finish within %d ms", len(running), grace_ms)
    if _became_idle(broker, grace_ms / 1000):
        return
    broker.stop_jobs(StopReason.SHUTDOWN)
    if _became_idle(broker, STOP_S):
        return
    for job in broker.running_jobs():
        _log.warning("job %s attempt %d does not stop; it is handed back", job.job_id, job.attempt)
        broker.committer.end(job, Release(reason="WORKER_STOPPED"))


def _became_idle(broker: JobBroker, timeout_s: float) -> bool:
    """Wait until no slot is taken, hence nothing is fetched or runs, and all outcomes are written."""
    deadline_s = time.monotonic() + timeout_s
    while broker.slots.used > 0 or broker.running_jobs():
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True
