"""A worker that sleeps has asked for the next job already, and keeps none from others by that."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq
import pytest
import redis

from common.broker import JobBroker
from common.job.states import JobState
from support.broker_jobs import job_of
from support.proxied import client_behind, proxy_before
from support.waiting import wait_until

#: A worker sleeps for a second at a time, and an eighth of its lease at most.
LEASE_MS = 30_000
SLEEP_MS = 1_000


@pytest.fixture
def sleepy(client: redis.Redis) -> Iterator[JobBroker]:
    made = JobBroker(client, namespace="contract", lease_ms=LEASE_MS)
    yield made
    made.close()


@pytest.fixture
def other(client: redis.Redis) -> Iterator[JobBroker]:
    """A second process's broker, as far as the store can tell."""
    made = JobBroker(client, namespace="contract", lease_ms=LEASE_MS)
    yield made
    made.close()


@contextmanager
def started(broker: JobBroker, *, threads: int) -> Iterator[None]:
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=SLEEP_MS)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


def asleep(client: redis.Redis) -> int:
    return sum(told["cmd"] == "blpop" for told in client.client_list())


def test_its_fetch_stands_behind_its_wait_and_is_repeated_if_nothing_is_heard_of_it(
    sleepy: JobBroker, valkey: str
) -> None:
    ran: list[int] = []

    @dramatiq.actor(broker=sleepy, actor_name="work")
    def sent() -> None: ...

    with proxy_before(valkey) as proxy, client_behind(proxy, valkey, timeout_s=2) as cut_off:
        broker = JobBroker(cut_off, namespace="contract", lease_ms=LEASE_MS)

        @dramatiq.actor(broker=broker)
        def work() -> None:
            ran.append(1)

        with started(broker, threads=2):
            proxy.withhold_reply_of("BLPOP")
            wait_until(lambda: proxy.withheld == 1)
            message = sent.send()
            # It is leased by what the worker sent before, of which it hears nothing.
            wait_until(lambda: job_of(sleepy, message).state is JobState.RUNNING)
            assert ran == []
            wait_until(lambda: job_of(sleepy, message).state is JobState.SUCCEEDED)
        broker.close()
    assert ran == [1]
    assert job_of(sleepy, message).attempt == 1


def test_it_leases_nothing_any_more_when_it_is_told_to_stop(sleepy: JobBroker, client: redis.Redis) -> None:
    ran: list[str] = []

    @dramatiq.actor(broker=sleepy)
    def work(name: str) -> None:
        ran.append(name)

    with started(sleepy, threads=2):
        wait_until(lambda: asleep(client) == 1)
        sleepy.stop_fetching()
        message = work.send("late")
        wait_until(lambda: asleep(client) == 0)
    job = job_of(sleepy, message)
    assert (job.state, job.attempt) == (JobState.PENDING, 0)

    with started(sleepy, threads=2):
        wait_until(lambda: ran == ["late"])
    assert job_of(sleepy, message).attempt == 1


def test_what_comes_when_its_threads_are_busy_may_be_run_by_others(
    sleepy: JobBroker, other: JobBroker, client: redis.Redis
) -> None:
    begun, gate, done = threading.Event(), threading.Event(), threading.Event()

    @dramatiq.actor(broker=sleepy, queue_name="a")
    def hold() -> None:
        begun.set()
        gate.wait(30)

    @dramatiq.actor(broker=sleepy, queue_name="b", actor_name="work")
    def never() -> None: ...

    @dramatiq.actor(broker=other, queue_name="b")
    def work() -> None:
        done.set()

    with started(sleepy, threads=1):
        wait_until(lambda: asleep(client) == 2)
        hold.send()
        assert begun.wait(10)
        message = never.send()
        with started(other, threads=1):
            assert done.wait(10)
            gate.set()
            wait_until(lambda: job_of(other, message).state is JobState.SUCCEEDED)
    assert job_of(other, message).spent == 1
