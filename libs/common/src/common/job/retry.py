"""What follows a failure: one table from error class to outcome, and exponential backoff with full jitter.

Full jitter: a pause drawn uniformly from zero to the exponential bound (Brooker, "Exponential
Backoff And Jitter", AWS Architecture Blog, 2015); it spreads a burst of failures best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from common.job.model import ErrorClass, JobError, RetryPolicy
from common.job.outcome import Fail, Release, Retry


@dataclass(frozen=True, slots=True)
class Rule:
    """What an error class leads to."""

    #: None: as many as the job's policy allows. Else that many retries at most.
    max_retries: int | None
    #: A retry uses up one of the job's attempts.
    spends_attempt: bool
    #: Opens the circuit of what was called (see `spends_attempt` for what it costs the job).
    opens_circuit: bool = False


RULES: Final[Mapping[ErrorClass, Rule]] = MappingProxyType(
    {
        ErrorClass.TRANSIENT: Rule(None, spends_attempt=True, opens_circuit=True),
        ErrorClass.TIMEOUT: Rule(None, spends_attempt=True, opens_circuit=True),
        ErrorClass.RATE_LIMITED: Rule(None, spends_attempt=False),
        ErrorClass.QUOTA_EXHAUSTED: Rule(None, spends_attempt=False, opens_circuit=True),
        ErrorClass.INVALID_OUTPUT: Rule(1, spends_attempt=True),
        ErrorClass.INVALID_INPUT: Rule(0, spends_attempt=True),
        ErrorClass.CONTENT_POLICY: Rule(0, spends_attempt=True),
        ErrorClass.AUTHENTICATION: Rule(None, spends_attempt=False, opens_circuit=True),
        ErrorClass.WORKER_LOST: Rule(None, spends_attempt=False),
        ErrorClass.BUG: Rule(1, spends_attempt=True),
    }
)

#: A provider that names no time is asked again after this (ms).
DEFAULT_HOLD_MS: Final = 30_000


def backoff_ms(policy: RetryPolicy, spent: int, random: Callable[[], float]) -> int:
    """Return the pause (ms) before the next attempt, `spent` (≥ 1) being those used up.

    `random` returns a number from 0 to 1, as `random.random` does.
    """
    bound = min(policy.max_backoff_ms, policy.min_backoff_ms * 2 ** min(spent - 1, 40))
    return int(bound * random())


def after_failure(
    error: JobError,
    policy: RetryPolicy,
    spent: int,
    random: Callable[[], float],
    *,
    retry_after_ms: int | None = None,
) -> Fail | Retry | Release:
    """Return what follows `error`, which ended an attempt.

    Args:
        spent: Attempts used up before this one.
        retry_after_ms: The pause that the provider named, from now; None if it named none.
    """
    rule = RULES[error.error_class]
    if not rule.spends_attempt:
        hold_ms = DEFAULT_HOLD_MS if retry_after_ms is None else retry_after_ms
        return Release(delay_ms=hold_ms, reason=error.error_class.value)
    spent_now = spent + 1
    allowed = policy.max_attempts
    if rule.max_retries is not None:
        allowed = min(allowed, rule.max_retries + 1)
    if spent_now >= allowed:
        return Fail(error)
    pause_ms = backoff_ms(policy, spent_now, random)
    return Retry(error, delay_ms=max(pause_ms, retry_after_ms or 0))
