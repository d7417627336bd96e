"""JobBroker is a good Dramatiq broker: anyone's actors and the standard middleware run on it unchanged."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import dramatiq
import pytest
import redis
from dramatiq.errors import QueueJoinTimeout, QueueNotFound
from dramatiq.middleware import AgeLimit, Callbacks, CurrentMessage, Pipelines, Retries
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from common.broker import JobBroker
from common.job.states import JobState
from common.store import jobs
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 10_000


@pytest.fixture
def broker(client: redis.Redis) -> Iterator[JobBroker]:
    made = JobBroker(client, namespace="contract", lease_ms=2_000)
    yield made
    made.close()


def state_of(broker: JobBroker, message: dramatiq.Message[object]) -> JobState:
    snapshot = broker.runner.run(jobs.get(broker.queues[message.queue_name], message.options["job_id"]))
    assert snapshot is not None
    return snapshot.job.state


def test_actors_can_be_sent_messages(broker: JobBroker) -> None:
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def collect(number: int) -> None:
        ran.append(number)

    with working(broker):
        messages = [collect.send(number) for number in range(50)]
        broker.join("default", timeout=JOIN_MS)
    assert sorted(ran) == list(range(50))
    assert {state_of(broker, message) for message in messages} == {JobState.SUCCEEDED}


def test_async_actors_run_at_the_same_time(broker: JobBroker) -> None:
    together = threading.Event()
    barrier = asyncio.Barrier(3)

    @dramatiq.actor(broker=broker)
    async def meet() -> None:
        await barrier.wait()
        together.set()

    with working(broker):
        for _ in range(3):
            meet.send()
        broker.join("default", timeout=JOIN_MS)
    assert together.is_set()


def test_actors_of_several_queues_share_the_threads(broker: JobBroker) -> None:
    ran: list[str] = []

    @dramatiq.actor(broker=broker, queue_name="one")
    def one() -> None:
        ran.append("one")

    @dramatiq.actor(broker=broker, queue_name="two")
    def two() -> None:
        ran.append("two")

    with working(broker, threads=1):
        for _ in range(5):
            one.send()
            two.send()
        broker.join("one", timeout=JOIN_MS)
        broker.join("two", timeout=JOIN_MS)
    assert (ran.count("one"), ran.count("two")) == (5, 5)


def test_a_delayed_message_runs_after_its_delay(broker: JobBroker) -> None:
    ran: list[float] = []

    @dramatiq.actor(broker=broker)
    def stamp() -> None:
        ran.append(time.monotonic())

    with working(broker):
        sent = time.monotonic()
        message = stamp.send_with_options(delay=timedelta(milliseconds=300))
        assert state_of(broker, message) is JobState.SCHEDULED
        broker.join("default", timeout=JOIN_MS)
    assert ran[0] - sent >= 0.3


def test_a_failing_actor_is_retried_as_often_as_it_says(broker: JobBroker) -> None:
    attempts: list[int] = []

    @dramatiq.actor(broker=broker, max_retries=3, min_backoff=1, max_backoff=5)
    def fail() -> None:
        attempts.append(1)
        raise RuntimeError("no luck")

    with working(broker):
        message = fail.send()
        broker.join("default", timeout=JOIN_MS)
    assert len(attempts) == 4
    assert state_of(broker, message) is JobState.FAILED


def test_retry_when_decides(broker: JobBroker) -> None:
    attempts: list[int] = []

    def twice(retries: int, exception: BaseException) -> bool:
        return retries < 2

    @dramatiq.actor(broker=broker, retry_when=twice, min_backoff=1, max_backoff=5)
    def fail() -> None:
        attempts.append(1)
        raise RuntimeError("no luck")

    with working(broker):
        fail.send()
        broker.join("default", timeout=JOIN_MS)
    assert len(attempts) == 3


def test_an_exception_in_retry_when_loses_nothing(broker: JobBroker) -> None:
    def broken(retries: int, exception: BaseException) -> bool:
        raise ZeroDivisionError

    @dramatiq.actor(broker=broker, retry_when=broken)
    def fail() -> None:
        raise RuntimeError("no luck")

    with working(broker):
        message = fail.send()
        broker.join("default", timeout=JOIN_MS)
    # Without an outcome the attempt has failed; it must not pass for a success.
    assert state_of(broker, message) is JobState.FAILED


def test_throws_fails_at_once(broker: JobBroker) -> None:
    attempts: list[int] = []

    @dramatiq.actor(broker=broker, max_retries=5, throws=(KeyError,))
    def fail() -> None:
        attempts.append(1)
        raise KeyError("expected")

    with working(broker):
        message = fail.send()
        broker.join("default", timeout=JOIN_MS)
    assert len(attempts) == 1
    assert state_of(broker, message) is JobState.FAILED


def test_an_actor_may_ask_for_its_retry(broker: JobBroker) -> None:
    attempts: list[int] = []

    @dramatiq.actor(broker=broker)
    def again() -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise dramatiq.Retry(delay=10)

    with working(broker):
        message = again.send()
        broker.join("default", timeout=JOIN_MS)
    assert state_of(broker, message) is JobState.SUCCEEDED
    assert len(attempts) == 3


def test_on_retry_exhausted_gets_a_message(broker: JobBroker) -> None:
    heard: list[str] = []

    @dramatiq.actor(broker=broker)
    def hear(message: dict[str, str], retries: dict[str, int]) -> None:
        heard.append(message["actor_name"])

    @dramatiq.actor(broker=broker, max_retries=0, on_retry_exhausted="hear")
    def fail() -> None:
        raise RuntimeError("no luck")

    with working(broker):
        fail.send()
        wait_until(lambda: heard)
        broker.join("default", timeout=JOIN_MS)
    assert heard == ["fail"]


def test_callbacks_hear_of_success(broker: JobBroker) -> None:
    heard: list[int] = []

    @dramatiq.actor(broker=broker)
    def hear(message: dict[str, str], result: int) -> None:
        heard.append(result)

    @dramatiq.actor(broker=broker)
    def double(number: int) -> int:
        return 2 * number

    with working(broker):
        double.send_with_options(args=(21,), on_success=hear)
        wait_until(lambda: heard)
        broker.join("default", timeout=JOIN_MS)
    assert heard == [42]


def test_too_old_a_message_is_not_run(broker: JobBroker) -> None:
    ran: list[int] = []

    @dramatiq.actor(broker=broker, max_age=1)
    def late() -> None:
        ran.append(1)

    message = late.send()
    time_enough = time.monotonic() + 0.05
    wait_until(lambda: time.monotonic() > time_enough)
    with working(broker):
        broker.join("default", timeout=JOIN_MS)
    assert ran == []
    assert state_of(broker, message) is JobState.FAILED


def test_the_stock_retries_middleware_makes_attempts_of_one_job(client: redis.Redis) -> None:
    broker = JobBroker(client, namespace="contract", middleware=[AgeLimit(), Callbacks(), Retries()])
    attempts: list[int] = []

    @dramatiq.actor(broker=broker, max_retries=2, min_backoff=1, max_backoff=5)
    def fail() -> None:
        attempts.append(1)
        raise RuntimeError("no luck")

    with working(broker):
        message = fail.send()
        broker.join("default", timeout=JOIN_MS)
    assert len(attempts) == 3
    assert state_of(broker, message) is JobState.FAILED
    page = broker.runner.run(jobs.list_jobs(broker.queues["default"]))
    assert len(page.jobs) == 1


def test_results_and_pipelines_work(client: redis.Redis) -> None:
    backend = RedisBackend(client=client)
    middleware = [Results(backend=backend, store_results=True), Pipelines(), CurrentMessage()]
    broker = JobBroker(client, namespace="contract", middleware=middleware)

    @dramatiq.actor(broker=broker)
    def add(x: int, y: int) -> int:
        return x + y

    with working(broker):
        steps = [add.message_with_options(args=args) for args in ((1, 2), (3,), (4,))]
        pipe = dramatiq.pipeline(steps, broker=broker)
        pipe.run()
        assert pipe.get_result(block=True, timeout=JOIN_MS) == 10
        group = dramatiq.group([add.message(i, i) for i in range(5)], broker=broker).run()
        assert sorted(group.get_results(block=True, timeout=JOIN_MS)) == [0, 2, 4, 6, 8]
        broker.join("default", timeout=JOIN_MS)


def test_a_message_keeps_its_id(broker: JobBroker) -> None:
    @dramatiq.actor(broker=broker)
    def nothing() -> None: ...

    message = nothing.message()
    sent = broker.enqueue(message)
    assert sent.message_id == message.message_id
    assert sent.options["job_id"].startswith("q.default-")


def test_unknown_queues_are_refused(broker: JobBroker) -> None:
    for use in (broker.consume, broker.join, broker.flush):
        with pytest.raises(QueueNotFound):
            use("nowhere")


def test_join_gives_up_after_its_timeout(broker: JobBroker) -> None:
    @dramatiq.actor(broker=broker)
    def nothing() -> None: ...

    nothing.send()
    with pytest.raises(QueueJoinTimeout):
        broker.join("default", timeout=50)


def test_flush_removes_every_trace_of_a_queues_jobs(broker: JobBroker, client: redis.Redis) -> None:
    @dramatiq.actor(broker=broker)
    def nothing() -> None: ...

    for delay in (None, 60_000):
        for _ in range(600):
            nothing.send_with_options(delay=delay)
    broker.flush_all()
    broker.join("default", timeout=1)
    left = {key.decode().split(":")[2] for key in client.scan_iter("{contract:default}:*")}
    assert left <= {"counters", "clock", "events", "wake", "minute", "fetched"}


def test_what_was_not_started_goes_back_at_shutdown(broker: JobBroker) -> None:
    """Given a worker that is busy, when it stops, then it finishes its job and takes no other."""
    begun, go_on = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    def wait() -> None:
        begun.set()
        go_on.wait(10)

    @dramatiq.actor(broker=broker)
    def later() -> None: ...

    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=50)
    worker.start()
    busy = wait.send()
    assert begun.wait(10)
    waiting = later.send()
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    wait_until(broker.draining.is_set)
    go_on.set()
    stopper.join()
    assert state_of(broker, busy) is JobState.SUCCEEDED
    assert state_of(broker, waiting) is JobState.PENDING


def test_a_worker_can_be_started_again_on_the_same_broker(broker: JobBroker) -> None:
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def collect(number: int) -> None:
        ran.append(number)

    for number in range(2):
        with working(broker):
            collect.send(number)
            broker.join("default", timeout=JOIN_MS)
    assert ran == [0, 1]
    # And what it started for a worker ends with it.
    own = {"Committer", "LeaseKeeper", "CancelListener"}
    wait_until(lambda: not own & {thread.name for thread in threading.enumerate()})


def test_a_client_that_decodes_is_refused(valkey: str) -> None:
    with (
        redis.Redis.from_url(valkey, decode_responses=True) as client,
        pytest.raises(ValueError, match="decode_responses"),
    ):
        JobBroker(client)
