"""Dramatiq's own middleware, rate limiters and compositions, unchanged, on JobBroker."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import dramatiq
import dramatiq.broker
import pytest
import redis
from dramatiq.middleware import (
    AgeLimit,
    AsyncIO,
    Callbacks,
    CurrentMessage,
    GroupCallbacks,
    Middleware,
    Pipelines,
    Retries,
    ShutdownNotifications,
    TimeLimit,
)
from dramatiq.middleware.shutdown import Shutdown
from dramatiq.middleware.time_limit import TimeLimitExceeded
from dramatiq.rate_limits.backends import RedisBackend as RedisLimits
from dramatiq.results import ResultFailure, Results, ResultTimeout
from dramatiq.results.backends import RedisBackend

from common.broker import JobBroker
from common.job.states import JobState
from support.broker_jobs import job_of
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 10_000


@pytest.fixture
def stock(client: redis.Redis) -> Iterator[JobBroker]:
    """A broker with every middleware that Dramatiq has by default, and the usual others."""
    middleware: list[Middleware] = [
        AgeLimit(),
        TimeLimit(interval=50),
        ShutdownNotifications(),
        Callbacks(),
        Pipelines(),
        Retries(),
        AsyncIO(),
        CurrentMessage(),
        GroupCallbacks(RedisLimits(client=client)),
        Results(backend=RedisBackend(client=client)),
    ]
    broker = JobBroker(client, namespace="contract", middleware=middleware, lease_ms=2_000)
    broker.emit_after("process_boot")
    before = dramatiq.broker.global_broker
    dramatiq.set_broker(broker)
    yield broker
    broker.close()
    dramatiq.broker.global_broker = before


def test_time_limit_interrupts_a_synchronous_actor(stock: JobBroker) -> None:
    interrupted = threading.Event()

    @dramatiq.actor(broker=stock, time_limit=50, max_retries=0)
    def spin() -> None:
        try:
            wait_until(lambda: False)
        except TimeLimitExceeded:
            interrupted.set()
            raise

    with working(stock):
        message = spin.send()
        stock.join("default", timeout=JOIN_MS)
    assert interrupted.is_set()
    assert job_of(stock, message).state is JobState.FAILED


def test_shutdown_notifications_reach_who_asked_for_them(stock: JobBroker) -> None:
    begun, told = threading.Event(), threading.Event()

    @dramatiq.actor(broker=stock, notify_shutdown=True, max_retries=0)
    def spin() -> None:
        begun.set()
        try:
            wait_until(lambda: False)
        except Shutdown:
            told.set()
            raise

    with working(stock):
        message = spin.send()
        assert begun.wait(10)
    assert told.is_set()
    assert job_of(stock, message).state is JobState.FAILED


def test_retries_of_the_stock_count_as_attempts_of_one_job(stock: JobBroker) -> None:
    seen: list[tuple[int, bool]] = []

    @dramatiq.actor(broker=stock, max_retries=2, min_backoff=1, max_backoff=5)
    def fail() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append((message.options.get("retries", 0), "requeue_timestamp" in message.options))
        raise RuntimeError

    with working(stock):
        message = fail.send()
        stock.join("default", timeout=JOIN_MS)
    assert seen == [(0, False), (1, True), (2, True)]
    job = job_of(stock, message)
    assert (job.state, job.attempt, job.spent) == (JobState.FAILED, 3, 3)


def test_async_actors_of_the_stock_know_their_message(stock: JobBroker) -> None:
    seen: list[str] = []

    @dramatiq.actor(broker=stock)
    async def look() -> None:
        await asyncio.sleep(0)
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append(message.message_id)

    with working(stock):
        sent = [look.send() for _ in range(5)]
        stock.join("default", timeout=JOIN_MS)
    assert sorted(seen) == sorted(message.message_id for message in sent)


def test_results_can_be_waited_for_and_tell_of_failures(stock: JobBroker) -> None:
    @dramatiq.actor(broker=stock, store_results=True)
    def double(number: int) -> int:
        return 2 * number

    @dramatiq.actor(broker=stock, store_results=True, max_retries=0)
    def fail() -> None:
        raise LookupError

    waiting = double.send_with_options(args=(1,), delay=100)
    with pytest.raises(ResultTimeout):
        waiting.get_result(block=True, timeout=10)
    with working(stock):
        assert waiting.get_result(block=True, timeout=JOIN_MS) == 2
        assert double.send(21).get_result(block=True, timeout=JOIN_MS) == 42
        with pytest.raises(ResultFailure, match="LookupError"):
            fail.send().get_result(block=True, timeout=JOIN_MS)


def test_a_pipeline_may_ignore_a_result_and_wait_between_steps(stock: JobBroker) -> None:
    @dramatiq.actor(broker=stock, store_results=True)
    def number(value: int) -> int:
        return value

    @dramatiq.actor(broker=stock, store_results=True)
    def total(*values: int) -> int:
        return sum(values)

    with working(stock):
        ignoring = number.message(1) | number.message_with_options(args=(5,), pipe_ignore=True)
        pipe = ignoring | total.message_with_options(args=(10,), delay=100)
        pipe.run()
        assert list(pipe.get_results(block=True, timeout=JOIN_MS)) == [1, 5, 15]
        assert pipe.completed


def test_a_failed_step_ends_its_pipeline(stock: JobBroker) -> None:
    ran: list[str] = []

    @dramatiq.actor(broker=stock, max_retries=0)
    def fail() -> None:
        ran.append("fail")
        raise RuntimeError

    @dramatiq.actor(broker=stock)
    def after(_: object = None) -> None:
        ran.append("after")

    with working(stock):
        (fail.message() | after.message()).run()
        stock.join("default", timeout=JOIN_MS)
    assert ran == ["fail"]


def test_groups_may_be_nested_and_hold_pipelines(stock: JobBroker) -> None:
    @dramatiq.actor(broker=stock, store_results=True)
    def add(x: int, y: int = 0) -> int:
        return x + y

    with working(stock):
        inner = dramatiq.group([add.message(1, 1), add.message(2, 2)])
        outer = dramatiq.group([inner, dramatiq.group([add.message(3, 3) | add.message(4)])]).run()
        outer.wait(timeout=JOIN_MS)
        got = [list(part) for part in outer.get_results(block=True, timeout=JOIN_MS)]
        assert got == [[2, 4], [10]]
        assert outer.completed


def test_a_group_calls_back_once_when_all_its_members_are_done(stock: JobBroker) -> None:
    heard: list[str] = []
    done: list[int] = []

    @dramatiq.actor(broker=stock)
    def work(number: int) -> None:
        done.append(number)

    @dramatiq.actor(broker=stock, queue_name="callbacks")
    def hear(name: str) -> None:
        heard.append(f"{name} after {len(done)}")

    with working(stock):
        group = dramatiq.group([work.message(number) for number in range(10)])
        group.add_completion_callback(hear.message("all"))
        group.run()
        stock.join("default", timeout=JOIN_MS)
        stock.join("callbacks", timeout=JOIN_MS)
    assert heard == ["all after 10"]


def test_too_old_a_message_is_skipped_by_the_stock_age_limit(stock: JobBroker) -> None:
    ran: list[int] = []

    @dramatiq.actor(broker=stock)
    def work() -> None:
        ran.append(1)

    message = work.send_with_options(max_age=1)
    sent_s = time.monotonic()
    wait_until(lambda: time.monotonic() > sent_s + 0.02)
    with working(stock):
        stock.join("default", timeout=JOIN_MS)
    assert ran == []
    assert job_of(stock, message).state is JobState.FAILED


def test_a_generic_actor_is_an_actor(stock: JobBroker) -> None:
    ran: list[Any] = []

    class Records(dramatiq.GenericActor):
        class Meta:
            abstract = True
            broker = stock
            queue_name = "generic"

    class Record(Records):
        def perform(self, value: str) -> None:
            ran.append(value)

    with working(stock):
        Record.send("a")
        stock.join("generic", timeout=JOIN_MS)
    assert ran == ["a"]
