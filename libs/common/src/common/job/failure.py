"""The exception by which job code says what kind of failure it met."""

from __future__ import annotations

from common.job.model import ErrorClass


class AttemptFailed(Exception):
    """An attempt ended in a failure whose kind is known.

    `message` and `suggestion` are stored with the job and shown to people: no payload in them.
    """

    def __init__(
        self,
        error_class: ErrorClass,
        reason: str,
        message: str = "",
        *,
        suggestion: str = "",
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(message or reason)
        self.error_class = error_class
        #: A constant in UPPER_SNAKE_CASE.
        self.reason = reason
        self.message = message
        self.suggestion = suggestion
        #: The pause that the other side named; None if it named none.
        self.retry_after_ms = retry_after_ms
