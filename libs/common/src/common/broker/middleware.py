"""Middleware by which the broker learns how a message ended. It decides; `ack` and `nack` commit."""

from __future__ import annotations

import dataclasses
import logging
import random
import time
from collections.abc import Callable
from typing import Any, Final

import dramatiq
from dramatiq.asyncio import get_event_loop_thread, set_event_loop_thread
from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware, SkipMessage

from common.broker.interrupter import INTERRUPTIBLE
from common.broker.interrupts import CancelInterrupt, JobInterrupt, TimeLimitInterrupt
from common.broker.isolation import ISOLATED
from common.broker.loop import JobLoop, JobStopped
from common.broker.message import JobMessage
from common.broker.running import StopReason, set_current_job
from common.broker.skew import is_newer, left_to_others
from common.job.failure import AttemptFailed
from common.job.model import Content, ErrorClass, JobError, RetryPolicy
from common.job.outcome import Cancelled, Fail, Outcome, Release, Retry, Succeed
from common.job.redaction import shown
from common.job.retry import after_failure, backoff_ms
from common.store.packing import compressed

_log = logging.getLogger(__name__)
JSON: Final = "application/json"
#: A return value larger than this (bytes) is not kept with the job.
RESULT_MAX: Final = 1_048_576
#: The longest reason, and the longest message or suggestion, of an error (characters).
REASON_LENGTH: Final = 100
TEXT_LENGTH: Final = 1_000


class Lifecycle(Middleware):
    """Makes the job current while it runs, and its return value the result. Always the first of all.

    Args:
        compresses: Large results are kept compressed.
    """

    def __init__(self, compresses: bool = False) -> None:
        self._compresses = compresses

    #: What `send_with_options` and `@actor` may say about a job.
    @property
    def actor_options(self) -> set[str]:
        return {
            "priority",
            "tenant",
            "labels",
            "timeout_ms",
            "ttl_ms",
            "unique_key",
            "duplicate_policy",
            "spec_version",
            "time_limit",
            "notify_shutdown",
            ISOLATED,
            INTERRUPTIBLE,
        }

    def after_declare_actor(self, broker: Broker, actor: dramatiq.Actor[Any, Any]) -> None:
        actor.logger.addFilter(_names_no_arguments)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        if isinstance(message, JobMessage):
            message.job.started_s = time.monotonic()
            set_current_job(message.job)
            message.job.meter.begin()
            if is_newer(message.options, broker.actors.get(message.actor_name)):
                message.job.outcome = left_to_others(message.job.lease, "NEWER_SPEC")
                raise SkipMessage("its arguments are of a later version than this worker's actor")

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        set_current_job(None)
        if not isinstance(message, JobMessage):
            return
        message.job.meter.end()
        if message.job.outcome is not None or message.failed:
            return
        if exception is None:
            content = message.job.result or _encoded(message, result)
            if content is not None and self._compresses:
                content = compressed(content)
            message.job.outcome = Succeed(content)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        set_current_job(None)
        if isinstance(message, JobMessage) and message.job.outcome is None and not message.failed:
            message.job.outcome = Succeed()


def _names_no_arguments(record: logging.LogRecord) -> bool:
    """Drop the line in which Dramatiq's actor logs its arguments: they are private."""
    return not str(record.msg).startswith("Received args")


def _encoded(message: JobMessage, result: Any) -> Content | None:
    if result is None:
        return None
    try:
        data = dramatiq.get_encoder().encode(result)
    except Exception:
        _log.warning("the return value of %s cannot be encoded and is not kept", message)
        return None
    if len(data) > RESULT_MAX:
        _log.warning("the return value of %s is %d bytes and is not kept", message, len(data))
        return None
    return Content(JSON, data)


class JobRetries(Middleware):
    """Decides what follows an exception.

    An actor that sets Dramatiq's own options (max_retries, retry_when) keeps their meaning: any
    exception is retried that often. For all others the table of error classes holds.
    """

    @property
    def actor_options(self) -> set[str]:
        return {"max_retries", "min_backoff", "max_backoff", "retry_when", "throws", "on_retry_exhausted"}

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        if exception is None or not isinstance(message, JobMessage) or message.job.outcome is not None:
            return
        # As Dramatiq counts them; a callback is sent the message with its options.
        message.options["retries"] = message.job.spent + 1
        options = {**broker.get_actor(message.actor_name).options, **message.options}
        outcome = decide(message, exception, options)
        message.job.outcome = outcome
        if isinstance(outcome, Retry):
            # So that who counts or follows messages hears of this one, as from Dramatiq's Retries.
            broker.emit_before("enqueue", message._message, outcome.delay_ms)
            broker.emit_after("enqueue", message._message, outcome.delay_ms)
        if isinstance(outcome, Fail):
            message.fail()
            exhausted = options.get("on_retry_exhausted")
            if exhausted and not _expected(exception, options):
                told = {"retries": message.job.spent, "max_retries": message.job.lease.retry.max_attempts - 1}
                broker.get_actor(exhausted).send(message.asdict(), told)


def decide(message: JobMessage, exception: BaseException, options: dict[str, Any]) -> Outcome:
    """Return the outcome of an attempt that ended in `exception`."""
    job = message.job
    if isinstance(exception, CancelInterrupt):
        return Cancelled()
    if isinstance(exception, JobInterrupt) and not isinstance(exception, TimeLimitInterrupt):
        return Release(reason="WORKER_STOPPED")
    if isinstance(exception, JobStopped):
        return Cancelled() if job.stop_reason is StopReason.CANCEL else Release(reason="WORKER_STOPPED")
    error = error_of(exception, job.attempt)
    if _expected(exception, options):
        return Fail(error)
    policy = job.lease.retry
    pause_ms = _dramatiq_pause_ms(policy, job.spent)
    retry_when: Callable[[int, BaseException], bool] | None = options.get("retry_when")
    if retry_when is not None:
        again = retry_when(job.spent, exception)
    elif isinstance(exception, dramatiq.Retry) or (
        "max_retries" in options and not isinstance(exception, AttemptFailed)
    ):
        again = job.spent + 1 < policy.max_attempts
    else:
        after_ms = exception.retry_after_ms if isinstance(exception, AttemptFailed) else None
        if isinstance(exception, dramatiq.RateLimitExceeded):
            after_ms = pause_ms
        return after_failure(error, policy, job.spent, random.random, retry_after_ms=after_ms)
    if not again:
        return Fail(error)
    if isinstance(exception, dramatiq.Retry) and exception.delay is not None:
        pause_ms = exception.delay
    return Retry(error, pause_ms)


def _expected(exception: BaseException, options: dict[str, Any]) -> bool:
    """Tell whether the actor said that it throws this, which ends the job at once."""
    throws = options.get("throws")
    return throws is not None and isinstance(exception, throws)


def _dramatiq_pause_ms(policy: RetryPolicy, spent: int) -> int:
    """Return a pause as Dramatiq draws it: never less than half the bound, since `min_backoff` is a least."""
    return backoff_ms(policy, spent + 1, lambda: 0.5 + random.random() / 2)


def error_of(exception: BaseException | None, attempt: int) -> JobError:
    """Describe an exception without quoting it: its text may hold a payload."""
    error = _described(exception)
    return dataclasses.replace(error, attempt=attempt, at_ms=time.time_ns() // 1_000_000)


def _described(exception: BaseException | None) -> JobError:
    match exception:
        case AttemptFailed():
            return JobError(
                exception.error_class,
                shown(exception.reason, REASON_LENGTH),
                shown(exception.message, TEXT_LENGTH),
                shown(exception.suggestion, TEXT_LENGTH),
            )
        case TimeoutError() | TimeLimitInterrupt():
            return JobError(
                ErrorClass.TIMEOUT,
                "TIMEOUT",
                "the attempt ran longer than its timeout",
                "raise the job's timeout, or JOB_TIMEOUT_MS of the workers",
            )
        case dramatiq.RateLimitExceeded():
            return JobError(
                ErrorClass.RATE_LIMITED,
                "RATE_LIMIT_EXCEEDED",
                "a rate limiter had no room",
                "a limit of the queue holds jobs back before they start",
            )
        case SkipMessage():
            return JobError(ErrorClass.INVALID_INPUT, "SKIPPED", "a middleware refused the message")
        case None:
            return JobError(ErrorClass.BUG, "NO_OUTCOME", "the attempt ended without an outcome")
        case _:
            name = type(exception).__name__
            return JobError(
                ErrorClass.BUG,
                "".join("_" + c if c.isupper() else c for c in name).lstrip("_").upper(),
                f"unexpected {name}",
                "look for the job id in the worker's log: the traceback stands there",
            )


class AsyncActors(Middleware):
    """Gives async actors their event loop, from worker boot to shutdown."""

    def __init__(self, default_timeout_ms: int) -> None:
        self._default_timeout_ms = default_timeout_ms

    def before_worker_boot(self, broker: Broker, worker: dramatiq.Worker) -> None:
        loop = JobLoop(self._default_timeout_ms)
        loop.start(timeout=5.0)
        set_event_loop_thread(loop)

    def after_worker_shutdown(self, broker: Broker, worker: dramatiq.Worker) -> None:
        loop = get_event_loop_thread()
        if loop is not None:
            loop.stop()
            set_event_loop_thread(None)
