"""Workers of two versions on one queue: what one does not know waits for the other, and nothing is lost."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq
import pytest
import redis

from common.broker import JobBroker
from common.broker.skew import DELAY_MAX_MS, DELAY_MS
from common.job.model import Job
from common.job.states import JobState
from common.store import jobs
from common.store.record import VERSION
from support.waiting import wait_until
from support.workers import working

QUEUE = "default"
JOIN_MS = 20_000


@pytest.fixture
def brokers(client: redis.Redis) -> Iterator[list[JobBroker]]:
    """Two processes' brokers, an older and a newer one."""
    made = [JobBroker(client, namespace="deploy") for _ in range(2)]
    for broker in made:
        broker.declare_queue(QUEUE)
    yield made
    for broker in made:
        broker.close()


def job_of(broker: JobBroker, message: dramatiq.Message[Any]) -> Job:
    read = broker.runner.run(jobs.get(broker.queues[QUEUE], message.options["job_id"]))
    assert read is not None
    return read.job


def waits_unspent(broker: JobBroker, message: dramatiq.Message[Any], reason: str) -> Job:
    """Wait until a worker has looked at a job and left it."""
    wait_until(lambda: (job := job_of(broker, message)).attempt > 0 and job.state is JobState.PENDING)
    job = job_of(broker, message)
    assert (job.spent, job.lost, job.error, job.wait_reason) == (0, 0, None, reason)
    return job


def hurry(broker: JobBroker, *messages: dramatiq.Message[Any]) -> None:
    """Let jobs be due now that wait for later."""
    keys = broker.queues[QUEUE]
    due = {message.options["job_id"]: 0 for message in messages}
    broker.client.zadd(f"{keys.prefix}scheduled", due, xx=True)
    broker.client.lpush(keys.wake, "1")


@contextmanager
def work_of(broker: JobBroker, ran: list[int], *, version: int) -> Iterator[dramatiq.Actor[[int], None]]:
    """Run a worker whose actor is of a version."""

    @dramatiq.actor(broker=broker, actor_name="work", spec_version=version)
    def work(number: int) -> None:
        ran.append(number)

    with working(broker):
        yield work


def test_arguments_of_a_newer_version_wait_for_a_newer_worker(
    brokers: list[JobBroker], caplog: pytest.LogCaptureFixture
) -> None:
    older, newer = brokers
    ran_by_older: list[int] = []
    ran_by_newer: list[int] = []

    with caplog.at_level(logging.ERROR), work_of(older, ran_by_older, version=1) as old_work:
        # Given jobs of both versions, and an older worker alone
        message: dramatiq.Message[Any] = dramatiq.Message(QUEUE, "work", (1,), {}, {"spec_version": 2})
        sent = [newer.enqueue(message.copy(args=(number,), message_id=f"m{number}")) for number in range(20)]
        for number in range(100, 105):
            old_work.send(number)

        # Then it runs those that it knows, and leaves the others
        wait_until(lambda: sorted(ran_by_older) == list(range(100, 105)))
        for each in sent:
            waits_unspent(newer, each, "NEWER_SPEC")

        # When a newer worker comes beside it, Then that runs them all
        with work_of(newer, ran_by_newer, version=2):

            def all_ran() -> bool:
                hurry(newer, *sent)
                return len(ran_by_newer) == 20

            wait_until(all_ran)
            newer.join(QUEUE, timeout=JOIN_MS)
    assert sorted(ran_by_newer) == list(range(20))
    assert sorted(ran_by_older) == list(range(100, 105))
    assert {job_of(newer, each).state for each in sent} == {JobState.SUCCEEDED}
    assert {job_of(newer, each).spent for each in sent} == {1}
    assert caplog.records == []


def test_a_newer_worker_runs_what_older_ones_have_sent(brokers: list[JobBroker]) -> None:
    older, newer = brokers
    ran: list[int] = []

    @dramatiq.actor(broker=older, actor_name="work")
    def before() -> None: ...

    before.send_with_options(args=(1,))
    with work_of(newer, ran, version=2) as work:
        work.send(2)
        newer.join(QUEUE, timeout=JOIN_MS)
    assert sorted(ran) == [1, 2]


def test_an_actor_says_its_version_in_what_it_sends(brokers: list[JobBroker]) -> None:
    _, newer = brokers

    @dramatiq.actor(broker=newer, spec_version=3)
    def work() -> None: ...

    @dramatiq.actor(broker=newer)
    def first() -> None: ...

    def options_of(message: dramatiq.Message[Any]) -> dict[str, Any]:
        read = newer.runner.run(jobs.get(newer.queues[QUEUE], message.options["job_id"], full=True))
        assert read is not None
        return dict(dramatiq.Message.decode(read.payload).options)

    assert options_of(work.send())["spec_version"] == 3
    assert "spec_version" not in options_of(first.send())


def test_a_record_of_a_newer_version_is_left_alone_whatever_it_holds(brokers: list[JobBroker]) -> None:
    older, _ = brokers
    ran: list[int] = []

    @dramatiq.actor(broker=older)
    def work(number: int) -> None:
        ran.append(number)

    # Given a message that this version cannot even decode
    message = work.send(1)
    key = older.queues[QUEUE].job(message.options["job_id"])
    header = (older.client.get(key) or b"").partition(b"\n")[0]
    older.client.set(key, b"%d" % (VERSION + 1) + header[1:] + b"\n\xff\xfepacked in a new way")

    # When a worker takes it, Then it gives it back
    with working(older):
        job = waits_unspent(older, message, "NEWER_RECORD")
        assert job.actor == "work"
    assert ran == []


def test_an_actor_that_nobody_knows_is_asked_for_ever_less_often(brokers: list[JobBroker]) -> None:
    older, newer = brokers

    @dramatiq.actor(broker=newer)
    def newcomer() -> None: ...

    message = newcomer.send()
    delays: list[int] = []
    with working(older):
        for attempt in range(1, 7):
            wait_until(
                lambda attempt=attempt: (
                    (job := job_of(newer, message)).attempt == attempt  # type: ignore[misc]
                    and job.state is JobState.PENDING
                )
            )
            job = waits_unspent(newer, message, "UNKNOWN_ACTOR")
            assert job.run_at_ms is not None
            delays.append(job.run_at_ms - job.updated_ms)
            hurry(newer, message)
    assert delays == [DELAY_MS, 2 * DELAY_MS, 4 * DELAY_MS, 8 * DELAY_MS, DELAY_MAX_MS, DELAY_MAX_MS]
