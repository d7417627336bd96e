"""Dramatiq's Worker on JobBroker: started, paused, stopped, forked, with any queues."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq.broker import MessageProxy
from dramatiq.message import Message
from dramatiq.middleware import Middleware, Retries

from common.broker import JobBroker
from common.job.states import JobState
from support.broker_jobs import all_jobs, job_of
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 10_000


@pytest.fixture
def other(client: redis.Redis) -> Iterator[JobBroker]:
    """A second process's broker, as far as the store can tell."""
    made = JobBroker(client, namespace="contract", lease_ms=2_000)
    yield made
    made.close()


def test_an_actor_may_be_declared_while_the_worker_runs(broker: JobBroker) -> None:
    ran: list[str] = []
    with working(broker) as worker:

        @dramatiq.actor(broker=broker, queue_name="new")
        def late() -> None:
            ran.append("late")

        late.send()
        broker.join("new", timeout=JOIN_MS)
        worker.join()
    assert ran == ["late"]


def test_a_worker_listens_only_on_its_queues(broker: JobBroker) -> None:
    worker = dramatiq.Worker(broker, queues={"a"}, worker_threads=1, worker_timeout=50)
    worker.start()
    try:
        for name in ("a", "b", "b.DQ"):
            broker.declare_queue(name)
        assert set(worker.consumers) == {"a"}
    finally:
        worker.stop()


def test_no_queue_is_declared_for_delays(broker: JobBroker) -> None:
    """Delayed jobs wait in the store; a consumer for them would keep them in a worker's memory."""
    broker.declare_queue("a")
    assert broker.get_declared_queues() == {"a"}
    assert broker.get_declared_delay_queues() == set()


def test_a_paused_worker_starts_nothing_and_keeps_nothing_from_others(
    broker: JobBroker, other: JobBroker
) -> None:
    """Stock Dramatiq: a worker paused for a minute is taken for dead, and its jobs run for ever."""
    ran: list[str] = []
    on = threading.local()

    @dramatiq.actor(broker=broker)
    def work() -> None:
        ran.append(getattr(on, "name", "first"))

    @dramatiq.actor(broker=other, actor_name="work")
    def work_too() -> None:
        ran.append("second")

    with working(broker, threads=2) as worker:
        work.send()
        broker.join("default", timeout=JOIN_MS)
        worker.pause()
        for _ in range(10):
            work.send()
        with working(other):
            broker.join("default", timeout=JOIN_MS)
        assert ran == ["first"] + ["second"] * 10
        worker.resume()
        work.send()
        broker.join("default", timeout=JOIN_MS)
    assert ran[-1] == "first"


def test_jobs_leased_ahead_go_back_when_their_worker_is_paused(broker: JobBroker, other: JobBroker) -> None:
    """Jobs of a millisecond are leased ahead; a pause must not hold them for its length."""
    ran: list[int] = []
    holding, go_on = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    def work(number: int) -> None:
        if number < 0:
            holding.set()
            go_on.wait(20)
        ran.append(number)

    with working(broker, threads=1) as worker:
        for number in range(50):
            work.send(number)
        broker.join("default", timeout=JOIN_MS)
        for number in range(-1, 20):
            work.send(number)
        assert holding.wait(10)
        for consumer in worker.consumers.values():
            consumer.pause()
        for thread in worker.workers:
            thread.pause()
        go_on.set()
        for thread in worker.workers:
            thread.paused_event.wait()
        wait_until(lambda: {job.state for job in all_jobs(broker)} <= {JobState.SUCCEEDED, JobState.PENDING})
        worker.resume()
        broker.join("default", timeout=JOIN_MS)
    assert sorted(ran) == sorted([*range(50), *range(-1, 20)])


def test_middleware_may_be_added_after_actors_and_in_the_middle_of_a_run(broker: JobBroker) -> None:
    declared: list[str] = []
    processed: list[str] = []

    class Watches(Middleware):
        actor_options = {"colour"}  # noqa: RUF012  # as Dramatiq's own

        def after_declare_actor(self, broker: object, actor: dramatiq.Actor[[], None]) -> None:
            declared.append(actor.actor_name)

        def before_process_message(self, broker: object, message: MessageProxy) -> None:
            processed.append(message.actor_name)

    @dramatiq.actor(broker=broker)
    def work() -> None: ...

    with working(broker):
        work.send()
        broker.join("default", timeout=JOIN_MS)
        broker.add_middleware(Watches())
        work.send()
        broker.join("default", timeout=JOIN_MS)

        @dramatiq.actor(broker=broker, colour="green")
        def painted() -> None: ...

    assert declared == ["work", "painted"]
    assert processed == ["work"]
    assert painted.options["colour"] == "green"


@pytest.mark.parametrize("stock", [False, True])
def test_middleware_hears_of_each_retry_as_of_a_message(client: redis.Redis, stock: bool) -> None:
    """Dramatiq's Prometheus middleware counts retries so."""
    heard: list[tuple[str, int | None]] = []

    class Hears(Middleware):
        def before_enqueue(self, broker: object, message: Message[Any], delay: int | None) -> None:
            heard.append(("before", message.options.get("retries")))

        def after_enqueue(self, broker: object, message: Message[Any], delay: int | None) -> None:
            heard.append(("after", message.options.get("retries")))

    broker = JobBroker(client, namespace="contract", middleware=[Retries()] if stock else None)
    broker.add_middleware(Hears())

    @dramatiq.actor(broker=broker, max_retries=1, min_backoff=0)
    def fail() -> None:
        raise RuntimeError

    with working(broker):
        fail.send()
        broker.join("default", timeout=JOIN_MS)
    assert heard == [("before", None), ("after", None), ("before", 1), ("after", 1)]


def test_hooks_that_raise_do_not_harm_the_job(broker: JobBroker) -> None:
    class Broken(Middleware):
        def before_process_message(self, broker: object, message: object) -> None:
            raise ZeroDivisionError

        def after_process_message(
            self, broker: object, message: object, *, result: object = None, exception: object = None
        ) -> None:
            raise ZeroDivisionError

        def before_ack(self, broker: object, message: object) -> None:
            raise ZeroDivisionError

    broker.add_middleware(Broken())

    @dramatiq.actor(broker=broker)
    def work() -> None: ...

    with working(broker):
        message = work.send()
        broker.join("default", timeout=JOIN_MS)
    assert job_of(broker, message).state is JobState.SUCCEEDED


def test_a_broker_made_before_a_fork_serves_both_processes(broker: JobBroker) -> None:
    """Stock Dramatiq's children share the parent's identity, and a killed child is never noticed."""

    @dramatiq.actor(broker=broker)
    def work(number: int) -> None:
        broker.client.sadd("ran-in", os.getpid())

    with working(broker):
        for number in range(20):
            work.send(number)
        broker.join("default", timeout=JOIN_MS)
    for number in range(20):
        work.send(number)
    child = os.fork()
    if child == 0:
        try:
            with working(broker):
                broker.join("default", timeout=JOIN_MS)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert {job.state for job in all_jobs(broker)} == {JobState.SUCCEEDED}
    assert {int(pid) for pid in broker.client.smembers("ran-in")} == {os.getpid(), child}
    workers = {job.worker for job in all_jobs(broker)}
    assert {worker.split(":")[1] for worker in workers} == {str(os.getpid()), str(child)}
