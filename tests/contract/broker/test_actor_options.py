"""What anyone's actor says by Dramatiq's own options means what it means elsewhere."""

from __future__ import annotations

import itertools
import time
from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import CurrentMessage
from dramatiq.rate_limits import ConcurrentRateLimiter
from dramatiq.rate_limits.backends import StubBackend

from common.broker import JobBroker
from common.errors import InvalidField
from common.job.states import JobState
from common.store.queue_settings import configure
from support.broker_jobs import job_of
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 10_000


@pytest.mark.parametrize(
    ("of_actor", "of_message"),
    [
        ({"min_backoff": 0}, {}),
        ({"max_backoff": 0}, {}),
        ({"min_backoff": 60_000}, {"min_backoff": 0}),
        ({"min_backoff": 60_000}, {"max_backoff": 0}),
    ],
)
def test_a_backoff_of_zero_is_no_pause(
    broker: JobBroker, of_actor: dict[str, Any], of_message: dict[str, Any]
) -> None:
    attempts: list[int] = []

    options: dict[str, Any] = {"max_retries": 10, **of_actor}

    @dramatiq.actor(broker=broker, **options)
    def fail() -> None:
        attempts.append(1)
        raise RuntimeError

    with working(broker):
        fail.send_with_options(**of_message)
        broker.join("default", timeout=JOIN_MS)
    assert len(attempts) == 11


def test_a_pause_is_at_least_half_the_least_backoff(broker: JobBroker) -> None:
    """Dramatiq draws from the upper half; a pause near zero would not be the `min_backoff` that was asked."""
    began: list[float] = []

    @dramatiq.actor(broker=broker, max_retries=3, min_backoff=200, max_backoff=200)
    def fail() -> None:
        began.append(time.monotonic())
        raise RuntimeError

    with working(broker):
        fail.send()
        broker.join("default", timeout=JOIN_MS)
    assert min(later - earlier for earlier, later in itertools.pairwise(began)) >= 0.1


def test_a_message_says_how_often_it_may_be_retried(broker: JobBroker) -> None:
    attempts: list[int] = []

    @dramatiq.actor(broker=broker, max_retries=99, min_backoff=60_000)
    def fail() -> None:
        attempts.append(1)
        raise RuntimeError

    with working(broker):
        message = fail.send_with_options(max_retries=4, min_backoff=1, max_backoff=5)
        broker.join("default", timeout=JOIN_MS)
    assert len(attempts) == 5
    assert job_of(broker, message).state is JobState.FAILED


def test_max_retries_of_none_sets_no_limit(broker: JobBroker) -> None:
    attempts: list[int] = []

    @dramatiq.actor(broker=broker, max_retries=None, min_backoff=0)
    def fail() -> None:
        attempts.append(1)
        if len(attempts) < 40:
            raise RuntimeError

    # Retries of a queue share a budget, which one job alone would soon have used up.
    broker.run(configure(broker.queues["default"], {"retry_least": "100"}))
    with working(broker):
        message = fail.send()
        broker.join("default", timeout=JOIN_MS)
    assert job_of(broker, message).state is JobState.SUCCEEDED


def test_asking_for_a_retry_without_a_delay_has_an_end(broker: JobBroker) -> None:
    attempts: list[int] = []

    @dramatiq.actor(broker=broker, max_retries=2, min_backoff=0)
    def again() -> None:
        attempts.append(1)
        raise dramatiq.Retry

    with working(broker):
        message = again.send()
        broker.join("default", timeout=JOIN_MS)
    assert len(attempts) == 3
    assert job_of(broker, message).state is JobState.FAILED


def test_retry_when_also_decides_on_an_asked_for_retry(broker: JobBroker) -> None:
    attempts: list[int] = []

    @dramatiq.actor(broker=broker, retry_when=lambda retries, _: retries < 1)
    def again() -> None:
        attempts.append(1)
        raise dramatiq.Retry(delay=1)

    with working(broker):
        again.send()
        broker.join("default", timeout=JOIN_MS)
    assert len(attempts) == 2


def test_a_message_knows_its_job_and_how_often_it_was_retried(broker: JobBroker) -> None:
    seen: list[dict[str, Any]] = []

    @dramatiq.actor(broker=broker, max_retries=2, min_backoff=0)
    def look() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append(dict(message.options))
        raise RuntimeError

    with working(broker):
        sent = look.send()
        broker.join("default", timeout=JOIN_MS)
    assert [options.get("retries") for options in seen] == [None, 1, 2]
    assert {options["job_id"] for options in seen} == {sent.options["job_id"]}


def test_a_failure_callback_learns_the_number_of_the_retry(broker: JobBroker) -> None:
    heard: list[int] = []

    @dramatiq.actor(broker=broker)
    def hear(message: dict[str, Any], error: dict[str, str]) -> None:
        heard.append(message["options"]["retries"])

    @dramatiq.actor(broker=broker, max_retries=3, min_backoff=0, on_failure="hear")
    def fail() -> None:
        raise RuntimeError

    with working(broker):
        fail.send()
        broker.join("default", timeout=JOIN_MS)
    assert sorted(heard) == [1, 2, 3, 4]


def test_an_expected_exception_does_not_count_as_exhausted(broker: JobBroker) -> None:
    heard: list[str] = []

    @dramatiq.actor(broker=broker)
    def hear(message: dict[str, Any], retries: dict[str, int]) -> None:
        heard.append(message["actor_name"])

    @dramatiq.actor(broker=broker, max_retries=3, throws=KeyError, on_retry_exhausted="hear")
    def fail() -> None:
        raise KeyError("expected")

    with working(broker):
        message = fail.send()
        broker.join("default", timeout=JOIN_MS)
    assert job_of(broker, message).state is JobState.FAILED
    assert heard == []


def test_the_number_of_an_actor_orders_its_jobs(broker: JobBroker) -> None:
    """Dramatiq's `priority`: the lesser number first, 0 if nothing is said."""
    ran: list[str] = []

    def note(name: str) -> None:
        ran.append(name)

    for name, number in (("later", 10), ("usual", 0), ("sooner", -1)):
        actor = dramatiq.actor(broker=broker, actor_name=name, priority=number)(note)
        for _ in range(3):
            actor.send(name)
    with working(broker, threads=1):
        broker.join("default", timeout=JOIN_MS)
    assert ran == ["sooner"] * 3 + ["usual"] * 3 + ["later"] * 3


def test_an_actor_may_name_a_priority_and_a_message_another(broker: JobBroker) -> None:
    named: dict[str, Any] = {"priority": "HIGH"}

    @dramatiq.actor(broker=broker, **named)
    def work() -> None: ...

    assert job_of(broker, work.send()).priority == "HIGH"
    assert job_of(broker, work.send_with_options(priority="LOW")).priority == "LOW"


def test_a_message_with_an_eta_waits_for_it_and_stays_one_job(broker: JobBroker) -> None:
    """Dramatiq's worker would keep it in memory, and send it as another message when it is due."""
    ran: list[float] = []

    @dramatiq.actor(broker=broker)
    def stamp() -> None:
        ran.append(time.time())

    eta_s = time.time() + 0.3
    with working(broker):
        message = stamp.send_with_options(eta=int(eta_s * 1000))
        assert job_of(broker, message).state is JobState.SCHEDULED
        broker.join("default", timeout=JOIN_MS)
    assert job_of(broker, message).state is JobState.SUCCEEDED
    assert len(ran) == 1
    assert ran[0] >= eta_s - 0.001


def test_an_eta_that_is_no_time_is_refused_by_name(broker: JobBroker) -> None:
    @dramatiq.actor(broker=broker)
    def stamp() -> None: ...

    with pytest.raises(InvalidField) as refused:
        stamp.send_with_options(eta="soon")
    assert refused.value.field == "eta"
    stamp.send_with_options(eta=None)


def test_a_duplicate_policy_without_a_key_is_refused_by_name(broker: JobBroker) -> None:
    @dramatiq.actor(broker=broker)
    def sync() -> None: ...

    with pytest.raises(InvalidField) as refused:
        sync.send_with_options(duplicate_policy="REJECT")
    assert refused.value.field == "unique_key"
    sync.send_with_options(duplicate_policy="RUN")
    sync.send_with_options(duplicate_policy="REJECT", unique_key="sync")


def test_a_full_rate_limiter_costs_no_attempt(broker: JobBroker) -> None:
    """Stock Dramatiq spent 5.4 attempts for each success, and dead-letters when they run out."""
    limiter = ConcurrentRateLimiter(StubBackend(), "one-at-a-time", limit=1)
    refused: list[int] = []

    @dramatiq.actor(broker=broker, min_backoff=10, max_backoff=20)
    def work() -> None:
        with limiter.acquire(raise_on_failure=False) as acquired:
            if not acquired:
                refused.append(1)
                raise dramatiq.RateLimitExceeded("full")
            wait_until(lambda: len(refused) >= 6)

    with working(broker, threads=4):
        messages = [work.send() for _ in range(6)]
        broker.join("default", timeout=JOIN_MS)
    states = [job_of(broker, message) for message in messages]
    assert {job.state for job in states} == {JobState.SUCCEEDED}
    assert {job.spent for job in states} == {1}
