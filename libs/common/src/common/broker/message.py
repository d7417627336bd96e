"""A leased job as Dramatiq's worker sees it: a message that can be acknowledged once."""

from __future__ import annotations

from typing import Any

from dramatiq.broker import MessageProxy
from dramatiq.message import Message

from common.broker.running import RunningJob


class JobMessage(MessageProxy):
    """The message of a leased job. Its text names the job, never the arguments: they are private."""

    def __init__(self, message: Message[Any], job: RunningJob) -> None:
        super().__init__(message)
        self.job = job
        #: It was acknowledged or rejected: sent again, it is another job.
        self.ended = False

    @property
    def exception(self) -> BaseException | None:
        """What the attempt raised, as far as Dramatiq's worker has told."""
        return self._exception

    def encode(self) -> bytes:
        """Return the message as it would be stored, with what middleware added to its options."""
        encoded: bytes = self._message.encode()
        return encoded

    def __str__(self) -> str:
        return f"{self.job.actor}(job_id={self.job.job_id}, attempt={self.job.attempt})"

    def __repr__(self) -> str:
        return f"<JobMessage {self}>"
