"""How an attempt ended. Decided while the job runs, committed once, by `finish`."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.job.model import Content, JobError


@dataclass(frozen=True, slots=True)
class Succeed:
    """The job is done."""

    result: Content | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """The job is given up."""

    error: JobError


@dataclass(frozen=True, slots=True)
class Retry:
    """The attempt is spent, another follows."""

    error: JobError
    delay_ms: int
    #: Replaces the stored message, if the message itself carries state from attempt to attempt.
    payload: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Release:
    """Given back unspent: the worker stops, or a limit, circuit or quota holds the job."""

    delay_ms: int = 0
    #: Why, in UPPER_SNAKE_CASE.
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The worker stopped the job because it was asked to."""


Outcome = Succeed | Fail | Retry | Release | Cancelled
