"""What middleware sends once a job's code has returned: the next step of a pipeline, a callback.

Dramatiq drops what a hook raises and acknowledges the message, so that a step which could not be sent
would be lost behind a success. Here it is sent until the store answers, as outcomes are, and a job whose
step was refused has not succeeded.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from dramatiq.errors import ConnectionClosed
from dramatiq.message import Message

from common.broker.running import RunningJob
from common.errors import JobsError
from common.job.ids import JobId, new_job_id
from common.job.model import ErrorClass, JobError
from common.job.outcome import Release
from common.job.retry import after_failure
from common.store.jobs import Submitted
from common.store.operation import Operation

#: Between two tries while the store does not answer (s).
RETRY_EVERY_S: Final = 0.25
#: A worker that ends waits this long for the store to take what follows (s).
LAST_TRY_S: Final = 10.0
_log = logging.getLogger(__name__)


class FollowUps:
    """Knows, for each thread, the job whose hooks run there.

    Args:
        ending: True once the worker ends; it waits for the store a little longer, then the job goes back
            unspent.
    """

    def __init__(self, ending: Callable[[], bool]) -> None:
        self._ending = ending
        self._thread = threading.local()

    @property
    def job(self) -> RunningJob | None:
        """The job whose hooks run on this thread."""
        return getattr(self._thread, "job", None)

    @contextmanager
    def of(self, job: RunningJob) -> Iterator[None]:
        """Take what this thread sends as following from `job`."""
        self._thread.job = job
        try:
            yield
        finally:
            self._thread.job = None

    def send(
        self, job: RunningJob, run: Callable[[Operation[Any]], Any], operation: Operation[list[Submitted]]
    ) -> list[Submitted]:
        """Run a submit until the store answers.

        Raises:
            ConnectionClosed: It did not until the worker had to end.
            StoreFull: It has no room.
        """
        first_s = time.monotonic()
        told = False
        while True:
            try:
                submitted: list[Submitted] = run(operation)
                return submitted
            except ConnectionClosed:
                if self._ending() and time.monotonic() - first_s > LAST_TRY_S:
                    job.outcome = Release(reason="STORE_UNAVAILABLE")
                    raise
                if not told:
                    _log.warning("what follows from job %s waits for the store", job.job_id)
                    told = True
                time.sleep(RETRY_EVERY_S)
            except JobsError as refusal:
                self.refused(job, refusal)
                raise

    def refused(self, job: RunningJob, refusal: JobsError) -> None:
        """Let `job` run again later, since what follows from it was refused."""
        error = JobError(
            ErrorClass.TRANSIENT,
            refusal.reason,
            "what follows from this job was refused",
            "make room in the queue that its callback or next step goes to",
            job.attempt,
            time.time_ns() // 1_000_000,
        )
        job.outcome = after_failure(
            error, job.lease.retry, job.spent, random.random, retry_after_ms=refusal.retry_after_ms
        )


def follow_up_id(job: RunningJob, message: Message[Any]) -> JobId:
    """Return the id of what follows: the same in each attempt that sends the same message."""
    seed = f"{job.job_id}/{message.message_id}"
    return new_job_id(message.queue_name, now_ms=message.message_timestamp, seed=seed)
