"""What stock Dramatiq was measured to do wrong while its server is well; see docs/dramatiq.md."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
import weakref
from collections.abc import Iterator
from functools import partial
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq.middleware import ShutdownNotifications, TimeLimit

from common.broker import JobBroker
from common.job.states import JobState
from support.broker_jobs import all_jobs, job_of
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 20_000


@pytest.fixture
def other(client: redis.Redis) -> Iterator[JobBroker]:
    """A second process's broker, as far as the store can tell."""
    made = JobBroker(client, namespace="contract", lease_ms=500)
    yield made
    made.close()


@pytest.fixture
def short(client: redis.Redis) -> Iterator[JobBroker]:
    """A broker with very short leases."""
    made = JobBroker(client, namespace="contract", lease_ms=500)
    yield made
    made.close()


def test_dramatiqs_own_limits_are_not_on_by_default(broker: JobBroker) -> None:
    """Stock: an asynchronous exception that lands a moment late ends a worker's thread for good."""
    assert not any(isinstance(one, TimeLimit | ShutdownNotifications) for one in broker.middleware)


def test_timeouts_end_no_thread_and_never_fail_a_success(broker: JobBroker) -> None:
    """Stock: 4 of 4 threads dead after 12 such jobs; 40 of 60 that had returned were retried."""
    returned: list[int] = []

    @dramatiq.actor(broker=broker, max_retries=0, timeout_ms=30)
    async def close_to_the_limit(number: int) -> None:
        await asyncio.sleep(0.026 + 0.0005 * (number % 10))
        returned.append(number)

    with working(broker) as worker:
        messages = [close_to_the_limit.send(number) for number in range(60)]
        broker.join("default", timeout=JOIN_MS)
        assert all(thread.is_alive() for thread in worker.workers)
    states = [job_of(broker, message).state for message in messages]
    assert {number for number, state in enumerate(states) if state is JobState.SUCCEEDED} == set(returned)
    assert set(states) <= {JobState.SUCCEEDED, JobState.FAILED}
    assert len(returned) == len(set(returned))


def test_a_job_much_longer_than_its_lease_runs_once(client: redis.Redis, other: JobBroker) -> None:
    """Stock: with its prefetch full a worker fetches no more, hence beats no more, and loses its long job."""
    # Long enough to be renewed in time by a busy machine
    short = JobBroker(client, namespace="contract", lease_ms=2_000)
    ran: list[int] = []
    go_on = threading.Event()

    def work(number: int) -> None:
        ran.append(number)
        if number == 0:
            go_on.wait(20)

    actor = dramatiq.actor(broker=short, actor_name="work")(work)
    dramatiq.actor(broker=other, actor_name="work")(work)
    with working(short, threads=1):
        long = actor.send(0)
        wait_until(lambda: ran == [0])
        for number in range(1, 20):
            actor.send(number)
            actor.send_with_options(args=(number,), delay=3_600_000)
        with working(other):
            first = job_of(short, long).updated_ms
            wait_until(lambda: len(ran) == 20)
            expiry_ms = _lease_of(short, long)
            wait_until(lambda: _lease_of(short, long) > expiry_ms + short.lease_ms)
            assert job_of(short, long).updated_ms == first
            go_on.set()
            wait_until(lambda: job_of(short, long).state is JobState.SUCCEEDED)
    assert sorted(ran) == list(range(20))
    short.close()


def _lease_of(broker: JobBroker, message: dramatiq.Message[Any]) -> float:
    """Return when a running job's lease ends (Unix ms)."""
    job = job_of(broker, message)
    score: Any = broker.client.zscore(
        f"{broker.queues['default'].prefix}leases", f"{job.job_id}/{job.attempt}"
    )
    return float(score)


def test_a_job_that_outlasts_its_workers_shutdown_goes_to_another(short: JobBroker, other: JobBroker) -> None:
    """Stock: it stays with the worker that is gone, for minutes. And its late outcome must not count."""
    begun, go_on = threading.Event(), threading.Event()
    ran: list[str] = []

    @dramatiq.actor(broker=short, actor_name="work")
    def stubborn() -> str:
        begun.set()
        go_on.wait(20)
        return "late"

    @dramatiq.actor(broker=other, actor_name="work")
    def quick() -> str:
        ran.append("other")
        return "other"

    worker = dramatiq.Worker(short, worker_threads=1, worker_timeout=50)
    worker.start()
    message = stubborn.send()
    assert begun.wait(10)
    worker.stop(timeout=10)
    with working(other):
        short.join("default", timeout=JOIN_MS)
        go_on.set()
        wait_until(lambda: not any(thread.is_alive() for thread in worker.workers))
    job = job_of(other, message)
    assert ran == ["other"]
    assert (job.state, job.attempt, job.lost, job.spent) == (JobState.SUCCEEDED, 2, 1, 1)


def test_a_worker_that_joins_gets_its_share_at_once(broker: JobBroker, other: JobBroker) -> None:
    """Stock: eight jobs of 2 s all stay with the first worker, which has prefetched them."""
    first, second, go_on = [], [], threading.Event()

    @dramatiq.actor(broker=broker, actor_name="work")
    def on_first() -> None:
        first.append(1)
        go_on.wait(20)

    @dramatiq.actor(broker=other, actor_name="work")
    def on_second() -> None:
        second.append(1)
        go_on.wait(20)

    for _ in range(8):
        on_first.send()
    with working(broker, threads=4):
        wait_until(lambda: len(first) == 4)
        with working(other, threads=4):
            wait_until(lambda: len(second) == 4)
            go_on.set()
            broker.join("default", timeout=JOIN_MS)
    assert (len(first), len(second)) == (4, 4)


def test_a_deep_pile_of_far_delays_holds_up_no_near_one_and_no_memory(broker: JobBroker) -> None:
    """Stock: a message due in 2 s behind 1,000 due in an hour had not run after 30 s."""
    ran: list[str] = []

    @dramatiq.actor(broker=broker, max_retries=1, min_backoff=100, max_backoff=100)
    def work(name: str) -> None:
        ran.append(name)
        if name == "retried" and ran.count(name) == 1:
            raise RuntimeError

    for _ in range(1_000):
        work.send_with_options(args=("far",), delay=3_600_000)
    with working(broker, threads=1) as worker:
        work.send_with_options(args=("near",), delay=300)
        work.send("retried")
        wait_until(lambda: sorted(ran) == ["near", "retried", "retried"])
        wait_until(lambda: not broker.running_jobs())
        assert all(consumer.delay_queue.empty() for consumer in worker.consumers.values())
        assert worker.work_queue.empty()


def test_an_idle_worker_asks_a_few_times_a_second_and_a_job_wakes_it(
    broker: JobBroker, client: redis.Redis
) -> None:
    """Stock: 2.4 scripts a second and 375 ms to the start of a job, or 128 scripts and 10 ms."""
    woken = threading.Event()

    @dramatiq.actor(broker=broker)
    def work() -> None:
        woken.set()

    worker = dramatiq.Worker(broker, worker_threads=4)
    worker.start()
    try:
        wait_until(lambda: _calls(client, "blpop") > 0)
        before, since = _scripts(client), time.monotonic()
        wait_until(lambda: time.monotonic() > since + 2)
        asked = _scripts(client) - before
        work.send()
        assert woken.wait(10)
    finally:
        worker.stop()
    assert asked <= 10


def test_a_lone_job_is_three_scripts_and_a_wait(broker: JobBroker, client: redis.Redis) -> None:
    """Submit, fetch, finish: what fetch leaves unsaid is not asked for by another one."""
    count = 100

    @dramatiq.actor(broker=broker)
    def work() -> None: ...

    with working(broker, threads=4):
        wait_until(lambda: _calls(client, "blpop") > 0)
        before = _scripts(client)
        ended = f"{broker.queues['default'].prefix}done:SUCCEEDED"
        for number in range(count):
            work.send()
            wait_until(partial(lambda before: client.zcard(ended) > before, number))
        asked = _scripts(client) - before
    # Besides, an idle worker asks once a second, and a machine that is very busy may spend seconds here.
    assert asked <= 3.5 * count


def test_no_command_looks_through_all_keys(broker: JobBroker, client: redis.Redis) -> None:
    """Stock: KEYS, 81 ms of standstill for each dead worker, now and then."""
    client.config_resetstat()

    @dramatiq.actor(broker=broker, max_retries=1, min_backoff=0)
    def work(number: int) -> None:
        if number % 3 == 0:
            raise RuntimeError

    with working(broker):
        for number in range(30):
            work.send_with_options(args=(number,), delay=number)
        broker.join("default", timeout=JOIN_MS)
    assert _calls(client, "keys") == _calls(client, "scan") == 0


def test_the_exception_of_a_failed_job_is_not_kept_in_memory(
    broker: JobBroker, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[weakref.ref[BaseException]] = []
    caplog.set_level(logging.CRITICAL)  # else the captured records hold it

    class Unlucky(Exception):
        def __init__(self) -> None:
            seen.append(weakref.ref(self))

    @dramatiq.actor(broker=broker, max_retries=1, min_backoff=0)
    def fail() -> None:
        raise Unlucky

    @dramatiq.actor(broker=broker, max_retries=1, min_backoff=0)
    async def fail_async() -> None:
        raise Unlucky

    gc.disable()
    try:
        with working(broker) as worker:
            fail.send()
            fail_async.send()
            broker.join("default", timeout=JOIN_MS)
            worker.join()
        assert [ref() for ref in seen] == [None] * 4
    finally:
        gc.enable()


def test_a_job_that_ran_twice_ends_once(short: JobBroker, other: JobBroker) -> None:
    """A job that ran twice, since its worker was silent, has one record with one end."""
    silent = threading.Event()

    def work() -> None:
        silent.wait(20)

    first = dramatiq.actor(broker=short, actor_name="work")(work)
    dramatiq.actor(broker=other, actor_name="work")(lambda: None)
    with working(short, threads=1):
        message = first.send()
        wait_until(lambda: job_of(short, message).state is JobState.RUNNING)
        # Its worker stops renewing, as one that is frozen does.
        short.keeper.drop(short.running_jobs())
        with working(other):
            other.join("default", timeout=JOIN_MS)
            silent.set()
    [job] = all_jobs(other)
    assert (job.state, job.attempt, job.spent, job.lost) == (JobState.SUCCEEDED, 2, 1, 1)


def _calls(client: redis.Redis, command: str) -> int:
    """Return how often the server has run a command."""
    told: Any = client.info("commandstats")
    return int(told.get(f"cmdstat_{command}", {}).get("calls", 0))


def _scripts(client: redis.Redis) -> int:
    return sum(_calls(client, form) for form in ("fcall", "evalsha", "eval"))
