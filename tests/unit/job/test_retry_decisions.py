"""What follows a failure, by its class."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.job.model import ErrorClass, JobError, RetryPolicy
from common.job.outcome import Fail, Release, Retry
from common.job.retry import DEFAULT_HOLD_MS, RULES, after_failure, backoff_ms

POLICY = RetryPolicy(max_attempts=3, min_backoff_ms=2_000, max_backoff_ms=300_000)


def error(error_class: ErrorClass) -> JobError:
    return JobError(error_class, error_class.value)


def test_every_error_class_has_a_rule() -> None:
    assert set(RULES) == set(ErrorClass)


@pytest.mark.parametrize("error_class", [ErrorClass.TRANSIENT, ErrorClass.TIMEOUT])
def test_a_passing_failure_is_retried_until_the_attempts_are_used_up(error_class: ErrorClass) -> None:
    outcomes = [after_failure(error(error_class), POLICY, spent, lambda: 1.0) for spent in range(3)]
    assert outcomes == [
        Retry(error(error_class), 2_000),
        Retry(error(error_class), 4_000),
        Fail(error(error_class)),
    ]


@pytest.mark.parametrize("error_class", [ErrorClass.INVALID_OUTPUT, ErrorClass.BUG])
def test_a_doubtful_failure_is_retried_once(error_class: ErrorClass) -> None:
    outcomes = [after_failure(error(error_class), POLICY, spent, lambda: 0.0) for spent in range(2)]
    assert outcomes == [Retry(error(error_class), 0), Fail(error(error_class))]


@pytest.mark.parametrize("error_class", [ErrorClass.INVALID_INPUT, ErrorClass.CONTENT_POLICY])
def test_a_hopeless_failure_is_not_retried(error_class: ErrorClass) -> None:
    assert after_failure(error(error_class), POLICY, 0, lambda: 0.5) == Fail(error(error_class))


@pytest.mark.parametrize(
    "error_class", [ErrorClass.RATE_LIMITED, ErrorClass.QUOTA_EXHAUSTED, ErrorClass.AUTHENTICATION]
)
def test_a_held_job_goes_back_unspent_until_the_named_time(error_class: ErrorClass) -> None:
    held = after_failure(error(error_class), POLICY, 99, lambda: 0.5, retry_after_ms=7_000)
    assert held == Release(7_000, error_class.value)
    unnamed = after_failure(error(error_class), POLICY, 0, lambda: 0.5)
    assert unnamed == Release(DEFAULT_HOLD_MS, error_class.value)


def test_a_named_pause_is_the_least_pause() -> None:
    outcome = after_failure(error(ErrorClass.TRANSIENT), POLICY, 0, lambda: 0.0, retry_after_ms=9_000)
    assert outcome == Retry(error(ErrorClass.TRANSIENT), 9_000)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_pause_never_passes_its_bound(spent: int, drawn: float) -> None:
    assert 0 <= backoff_ms(POLICY, spent, lambda: drawn) <= POLICY.max_backoff_ms
