"""Waiting for a queue's jobs, as tests of actors do with any Dramatiq broker."""

from __future__ import annotations

import dramatiq
import pytest

from common.broker import JobBroker, JobFailed
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
