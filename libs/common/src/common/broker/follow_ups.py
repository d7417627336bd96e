"""What middleware sends once a job's code has returned: the next step of a pipeline, a callback.

Dramatiq drops what a hook raises and acknowledges the message, so that a step which could not be sent
would be lost behind a success. Here it is noted with the job, written by the script that ends it, and
submitted from there (outbox.py): with the outcome or not at all.
"""

from __future__ import annotations

import threading
from typing import Any

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Pipelines

from common.broker.running import RunningJob


class FollowUps:
    """Knows, for each thread, the job whose hooks run there."""

    def __init__(self) -> None:
        self._thread = threading.local()

    @property
    def job(self) -> RunningJob | None:
        """The job whose hooks run on this thread."""
        return getattr(self._thread, "job", None)

    def begin(self, job: RunningJob) -> None:
        """Take what this thread sends from now on as following from `job`."""
        self._thread.job = job

    def end(self) -> None:
        """Take what this thread sends as coming from nowhere."""
        self._thread.job = None


class JobPipelines(Pipelines):
    """Dramatiq's own, which looks up what it needs for messages of a pipeline only: most are of none."""

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        if "pipe_target" in message.options:
            super().after_process_message(broker, message, result=result, exception=exception)  # type: ignore[no-untyped-call]
