"""What middleware sends once a job's code has returned: the next step of a pipeline, a callback.

Dramatiq drops what a hook raises and acknowledges the message, so that a step which could not be sent
would be lost behind a success. Here it is noted with the job, written by the script that ends it, and
submitted from there (outbox.py): with the outcome or not at all.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from common.broker.running import RunningJob


class FollowUps:
    """Knows, for each thread, the job whose hooks run there."""

    def __init__(self) -> None:
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
