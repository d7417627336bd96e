"""Counts attempts, measures how long jobs waited and ran: by queue and type, and by nothing of a caller."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Final

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware
from opentelemetry.metrics import Meter

from common.broker.message import JobMessage
from common.broker.running import RunningJob
from common.job.outcome import Cancelled, Fail, Outcome, Release, Retry, Succeed
from common.job.types import GENERIC, JOB_TYPES_BY_SPEC

_STATES: Final[dict[type[Outcome], str]] = {
    Succeed: "SUCCEEDED",
    Fail: "FAILED",
    Retry: "RETRYING",
    Release: "PENDING",
    Cancelled: "CANCELLED",
}


class Measuring(Middleware):
    """Tells of each attempt when it begins, and when its outcome is handed over."""

    def __init__(self, meter: Meter) -> None:
        self._started = meter.create_counter("bothsides.job.started", "{attempt}", "Attempts that began.")
        self._ended = meter.create_counter(
            "bothsides.job.ended", "{attempt}", "Attempts that ended, by the state that their job went to."
        )
        self._wait = meter.create_histogram(
            "bothsides.job.wait", "s", "From when a job might start to when its first attempt began."
        )
        self._run = meter.create_histogram("bothsides.job.run", "s", "How long attempts took.")

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        if not isinstance(message, JobMessage):
            return
        job = message.job
        labels = _labels(job.queue, job.actor)
        self._started.add(1, labels)
        # A later attempt waited for a pause, or a limit, that its job was given.
        if job.attempt == 1 and job.lease.ready_ms:
            self._wait.record(max(0.0, time.time() - job.lease.ready_ms / 1000), labels)

    def before_ack(self, broker: Broker, message: MessageProxy) -> None:
        self._end(message)

    def before_nack(self, broker: Broker, message: MessageProxy) -> None:
        self._end(message)

    def _end(self, message: MessageProxy) -> None:
        if not isinstance(message, JobMessage) or not message.job.started_s:
            return
        job = message.job
        labels = _ended_labels(job.queue, job.actor, _state_of(job))
        self._ended.add(1, labels)
        self._run.record(time.monotonic() - job.started_s, labels)


def _state_of(job: RunningJob) -> str:
    # An attempt without an outcome is a failed one.
    return "FAILED" if job.outcome is None else _STATES[type(job.outcome)]


@lru_cache(maxsize=256)
def _labels(queue: str, actor: str) -> dict[str, str]:
    job_type = JOB_TYPES_BY_SPEC.get(actor)
    return {
        "bothsides.queue": queue,
        "bothsides.job.type": GENERIC if job_type is None else job_type.name,
    }


@lru_cache(maxsize=1_024)
def _ended_labels(queue: str, actor: str, state: str) -> dict[str, str]:
    return {**_labels(queue, actor), "bothsides.job.state": state}
