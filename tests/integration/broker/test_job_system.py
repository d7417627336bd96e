"""What JobBroker does that no stock broker does, with real workers on a real server."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Iterator

import dramatiq
import pytest
import redis

from common.broker import JobBroker, StopReason, current_job
from common.errors import InvalidField, RequestIdReused
from common.job.failure import AttemptFailed
from common.job.model import Content, ErrorClass, Job
from common.job.states import JobState
from common.logs import JsonFormatter
from common.store import jobs, stats
from support.broker_jobs import damage
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 10_000


@pytest.fixture
def broker(client: redis.Redis) -> Iterator[JobBroker]:
    made = JobBroker(client, namespace="system", lease_ms=1_000)
    yield made
    made.close()


def snapshot_of(broker: JobBroker, message: dramatiq.Message[object]) -> jobs.Snapshot:
    read = broker.runner.run(
        jobs.get(broker.queues[message.queue_name], message.options["job_id"], full=True)
    )
    assert read is not None
    return read


def job_of(broker: JobBroker, message: dramatiq.Message[object]) -> Job:
    return snapshot_of(broker, message).job


def test_priorities_are_honoured_across_the_queue(broker: JobBroker) -> None:
    ran: list[str] = []

    @dramatiq.actor(broker=broker)
    def note(name: str) -> None:
        ran.append(name)

    for name in ("BACKGROUND", "LOW", "NORMAL", "HIGH", "CRITICAL"):
        note.send_with_options(args=(name,), priority=name)
    with working(broker, threads=1):
        broker.join("default", timeout=JOIN_MS)
    assert ran == ["CRITICAL", "HIGH", "NORMAL", "LOW", "BACKGROUND"]


def test_a_request_id_makes_sending_safe_to_repeat(broker: JobBroker) -> None:
    @dramatiq.actor(broker=broker)
    def note(name: str) -> None: ...

    first = note.send_with_options(args=("a",), request_id="r1")
    again = note.send_with_options(args=("a",), request_id="r1")
    assert again.options["job_id"] == first.options["job_id"]
    with pytest.raises(RequestIdReused):
        note.send_with_options(args=("b",), request_id="r1")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"priority": "URGENT"}, "priority"),
        ({"deadline_ms": "soon"}, "deadline_ms"),
        ({"ttl_ms": -1}, "ttl_ms"),
    ],
)
def test_a_bad_option_is_refused_by_name(broker: JobBroker, options: dict[str, object], field: str) -> None:
    @dramatiq.actor(broker=broker)
    def note() -> None: ...

    with pytest.raises(InvalidField) as refused:
        note.send_with_options(**options)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_a_running_coroutine_is_cancelled(broker: JobBroker) -> None:
    begun, cleaned = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    async def wait() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.set()

    with working(broker):
        message = wait.send()
        assert begun.wait(10)
        verdict = broker.runner.run(
            jobs.cancel(broker.queues["default"], message.options["job_id"], tenant="default")
        )
        assert verdict.state is JobState.CANCELLING
        broker.join("default", timeout=JOIN_MS)
    assert cleaned.is_set()
    assert job_of(broker, message).state is JobState.CANCELLED


def test_synchronous_code_can_look_whether_to_stop(broker: JobBroker) -> None:
    begun = threading.Event()

    # One that may be interrupted is, if it has not looked by then.
    @dramatiq.actor(broker=broker, interruptible=False)
    def spin() -> None:
        begun.set()
        job = current_job()
        assert job is not None
        wait_until(lambda: job.cancel_requested)

    with working(broker):
        message = spin.send()
        assert begun.wait(10)
        broker.runner.run(jobs.cancel(broker.queues["default"], message.options["job_id"], tenant="default"))
        broker.join("default", timeout=JOIN_MS)
    # It ended by itself, with success: who succeeds while cancelling has succeeded.
    assert job_of(broker, message).state is JobState.SUCCEEDED


def test_an_attempt_that_runs_too_long_is_a_timeout(broker: JobBroker) -> None:
    @dramatiq.actor(broker=broker, max_retries=0, timeout_ms=50)
    async def slow() -> None:
        await asyncio.sleep(60)

    with working(broker):
        message = slow.send()
        broker.join("default", timeout=JOIN_MS)
    job = job_of(broker, message)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.error_class is ErrorClass.TIMEOUT


def test_a_job_longer_than_its_lease_runs_once(client: redis.Redis) -> None:
    # Two of three renewals may come too late on a busy machine: that takes two seconds
    broker = JobBroker(client, namespace="system", lease_ms=3_000)
    begun: list[int] = []

    @dramatiq.actor(broker=broker)
    async def long() -> None:
        begun.append(1)
        await asyncio.sleep(3.5)

    with working(broker):
        message = long.send()
        broker.join("default", timeout=JOIN_MS)
    assert len(begun) == 1
    assert (job_of(broker, message).attempt, job_of(broker, message).lost) == (1, 0)
    broker.close()


def test_progress_parts_and_result_are_kept_in_order(broker: JobBroker) -> None:
    @dramatiq.actor(broker=broker)
    async def analyse() -> None:
        job = current_job()
        assert job is not None
        job.report(0.5, "halfway", completed_units=1, total_units=2)
        job.keep_part("tone", Content("text/plain", b"warm"))
        job.set_result(Content("text/plain", b"all"))

    with working(broker):
        message = analyse.send()
        broker.join("default", timeout=JOIN_MS)
    snapshot = snapshot_of(broker, message)
    assert snapshot.job.progress is not None
    assert (snapshot.job.progress.fraction, snapshot.job.progress.stage) == (0.5, "halfway")
    assert [(part.name, part.content.data) for part in snapshot.parts] == [("tone", b"warm")]
    assert snapshot.result == Content("text/plain", b"all")


def test_a_queue_never_runs_more_at_once_than_its_concurrency(client: redis.Redis) -> None:
    broker = JobBroker(client, namespace="limited", concurrency={"few": 2}, default_concurrency=3)
    inside: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def count(queue: str) -> None:
        inside[queue] += 1
        most[queue] = max(most[queue], inside[queue])
        await asyncio.sleep(0.02)
        inside[queue] -= 1

    make = dramatiq.actor(broker=broker, actor_name="few", queue_name="few")
    make_other = dramatiq.actor(broker=broker, actor_name="other", queue_name="other")
    actors = [make(count), make_other(count)]
    with working(broker, threads=8):
        for _ in range(20):
            for actor in actors:
                actor.send(actor.queue_name)
        for actor in actors:
            broker.join(actor.queue_name, timeout=JOIN_MS)
    assert most == {"few": 2, "other": 3}


def test_jobs_leased_ahead_of_a_long_one_go_back_and_run_elsewhere(
    broker: JobBroker, client: redis.Redis
) -> None:
    """A worker leases short jobs ahead; one turns out to be long; the others do not wait for it."""
    long_began, go_on = threading.Event(), threading.Event()
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def work(number: int) -> None:
        if number == 100:
            long_began.set()
            go_on.wait(20)
        ran.append(number)

    with working(broker, threads=1):
        for number in range(100):
            work.send(number)
        broker.join("default", timeout=JOIN_MS)
        for number in range(100, 120):
            work.send(number)
        assert long_began.wait(10)
        # The only thread is busy. What it leased ahead goes back, and another worker runs it.
        wait_until(lambda: {job.lease.member for job in broker.running_jobs()} == {_member(broker, 100)})
        other = JobBroker(client, namespace="system")
        other.declare_actor(_copied(work, other))
        with working(other):
            wait_until(lambda: set(range(101, 120)) <= set(ran))
            go_on.set()
            broker.join("default", timeout=JOIN_MS)
    total = broker.runner.run(stats.read_stats(broker.queues["default"])).total.totals
    assert total["succeeded"] == 120
    assert sorted(ran) == list(range(120))


def test_jobs_behind_a_long_one_are_run_by_the_other_threads(broker: JobBroker) -> None:
    """Few threads are woken for short jobs; one turns out to be long, and the others take up the rest."""
    go_on = threading.Event()
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def work(number: int) -> None:
        if number == 100:
            go_on.wait(20)
        ran.append(number)

    with working(broker, threads=4) as worker:
        for number in range(100):
            work.send(number)
        broker.join("default", timeout=JOIN_MS)
        worker.pause()
        for number in range(100, 160):
            work.send(number)
        worker.resume()
        wait_until(lambda: set(range(101, 160)) <= set(ran))
        assert 100 not in ran
        go_on.set()
        broker.join("default", timeout=JOIN_MS)
    assert sorted(ran) == list(range(160))


def _copied(actor: dramatiq.Actor[[int], None], broker: JobBroker) -> dramatiq.Actor[[int], None]:
    return dramatiq.Actor(
        actor.fn, broker=broker, actor_name=actor.actor_name, queue_name="default", priority=0, options={}
    )


def _member(broker: JobBroker, number: int) -> str:
    """Return the lease of the job that works on `number`."""
    page = broker.runner.run(jobs.list_jobs(broker.queues["default"], want=200))
    for job in page.jobs:
        read = broker.runner.run(jobs.get(broker.queues["default"], job.job_id, full=True))
        if read is not None and dramatiq.Message.decode(read.payload).args == (number,):
            return f"{job.job_id}/{job.attempt}"
    raise AssertionError(f"no job works on {number}")


def test_a_held_job_goes_back_unspent(broker: JobBroker) -> None:
    attempts: list[int] = []

    @dramatiq.actor(broker=broker)
    async def ask() -> None:
        attempts.append(1)
        if len(attempts) < 6:
            raise AttemptFailed(ErrorClass.RATE_LIMITED, "SLOW_DOWN", retry_after_ms=10)

    with working(broker):
        message = ask.send()
        broker.join("default", timeout=JOIN_MS)
    job = job_of(broker, message)
    assert (job.state, job.attempt, job.spent) == (JobState.SUCCEEDED, 6, 1)


def test_an_unknown_actor_waits_for_a_worker_that_knows_it(broker: JobBroker, client: redis.Redis) -> None:
    """As in a rolling deploy: the old worker must not throw away what the new one can run."""
    producer = JobBroker(client, namespace="system")

    @dramatiq.actor(broker=producer)
    def newcomer() -> None: ...

    broker.declare_queue("default")
    with working(broker):
        message = newcomer.send()
        wait_until(lambda: job_of(broker, message).attempt == 1)
        wait_until(lambda: job_of(broker, message).state is JobState.PENDING)
    assert job_of(broker, message).spent == 0


def test_one_undecodable_message_costs_only_itself(broker: JobBroker, client: redis.Redis) -> None:
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def collect(number: int) -> None:
        ran.append(number)

    messages = [collect.send(number) for number in range(10)]
    damage(broker, "default", messages[3].options["job_id"], b"\xff not json")
    with working(broker):
        broker.join("default", timeout=JOIN_MS)
    assert sorted(ran) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    error = job_of(broker, messages[3]).error
    assert error is not None
    assert error.reason == "UNDECODABLE_MESSAGE"


def test_jobs_told_to_stop_for_shutdown_go_back_unspent(broker: JobBroker) -> None:
    begun = threading.Event()

    @dramatiq.actor(broker=broker)
    async def wait() -> None:
        begun.set()
        await asyncio.sleep(60)

    with working(broker):
        message = wait.send()
        assert begun.wait(10)
        broker.stop_jobs(StopReason.SHUTDOWN)
    job = job_of(broker, message)
    assert (job.state, job.spent) == (JobState.PENDING, 0)


def test_arguments_never_reach_a_log_or_an_error(broker: JobBroker, caplog: pytest.LogCaptureFixture) -> None:
    canary = "the-canary-sings"

    @dramatiq.actor(broker=broker, max_retries=0)
    def fail(text: str) -> None:
        raise LookupError

    @dramatiq.actor(broker=broker)
    def work(text: str) -> dict[str, str]:
        return {"text": text}

    with caplog.at_level(logging.DEBUG), working(broker):
        failed = fail.send(canary)
        work.send(canary)
        broker.join("default", timeout=JOIN_MS)
    assert canary not in caplog.text
    assert canary not in repr(job_of(broker, failed).error)
    # And the line that tells of the failure names the job, by which people look for it.
    lines = [JsonFormatter().format(record) for record in caplog.records if record.levelno >= logging.ERROR]
    assert any(failed.options["job_id"] in line for line in lines)
    assert not any(canary in line for line in lines)
