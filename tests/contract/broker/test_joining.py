"""Waiting for a queue's jobs, as tests of actors do with any Dramatiq broker."""

from __future__ import annotations

import threading
from typing import Any

import dramatiq
import pytest
from dramatiq.errors import QueueJoinTimeout

from common.broker import JobBroker, JobFailed
from common.broker.joining import join
from common.job.states import JobState
from common.store.operation import Operation
from support.broker_jobs import all_jobs
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 10_000


def test_join_and_fail_fast_tell_of_a_failed_job(broker: JobBroker) -> None:
    class Unlucky(Exception):
        pass

    @dramatiq.actor(broker=broker, max_retries=0)
    def fail() -> None:
        raise Unlucky

    with working(broker):
        message = fail.send()
        broker.join("default", timeout=JOIN_MS)
        with pytest.raises(JobFailed, match="UNLUCKY") as failed:
            broker.join("default", timeout=JOIN_MS, fail_fast=True)
        assert failed.value.job_id == message.options["job_id"]
        broker.flush_all()
        broker.join("default", fail_fast=True)


def test_join_waits_for_what_is_sent_while_it_waits(broker: JobBroker) -> None:
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def countdown(number: int) -> None:
        ran.append(number)
        if number:
            countdown.send_with_options(args=(number - 1,), delay=20)

    with working(broker) as worker:
        countdown.send(5)
        broker.join("default", interval=50, timeout=JOIN_MS)
        worker.join()
    assert ran == [5, 4, 3, 2, 1, 0]


def test_join_misses_no_follow_up_of_a_job_that_ends_between_two_looks(broker: JobBroker) -> None:
    may_end = threading.Event()

    @dramatiq.actor(broker=broker, queue_name="first")
    def first() -> None:
        assert may_end.wait(JOIN_MS / 1000)

    @dramatiq.actor(broker=broker, queue_name="full")
    def second() -> None: ...

    second.send()
    broker.client.hset(broker.queues["full"].config, "depth", 1)

    def look(operation: Operation[Any]) -> Any:
        seen = broker.run(operation)
        may_end.set()
        wait_until(lambda: [job.state for job in all_jobs(broker, "first")] == [JobState.SUCCEEDED])
        return seen

    worker = dramatiq.Worker(broker, queues={"first"}, worker_threads=1, worker_timeout=50)
    worker.start()
    try:
        steps = [first.message(), second.message_with_options(pipe_ignore=True)]
        dramatiq.pipeline(steps, broker=broker).run()
        with pytest.raises(QueueJoinTimeout):
            join(look, broker.queues["first"], timeout_ms=300, interval_ms=10, fail_fast=False)
    finally:
        worker.stop()
