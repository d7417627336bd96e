"""Plain actors are interrupted in their threads: on a cancel, at their time limit, with a lost lease."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq.middleware import Middleware

from common.broker import (
    CancelInterrupt,
    JobBroker,
    JobInterrupt,
    LeaseLostInterrupt,
    ShutdownInterrupt,
    StopReason,
    TimeLimitInterrupt,
    current_job,
)
from common.job.model import ErrorClass
from common.job.states import JobState
from common.store import jobs
from support.broker_jobs import all_jobs, job_of
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 60_000


@pytest.fixture
def broker(client: redis.Redis) -> Iterator[JobBroker]:
    """A broker whose leases outlast a busy machine: who loses one is interrupted for that."""
    made = JobBroker(client, namespace="contract", lease_ms=15_000)
    yield made
    made.close()


def cancel(broker: JobBroker, message: dramatiq.Message[Any]) -> None:
    keys = broker.queues[message.queue_name]
    broker.runner.run(jobs.cancel(keys, message.options["job_id"], tenant="default"))


class Watched:
    """An actor that computes until it is told that the test is over, and how it ended each time."""

    def __init__(self, broker: JobBroker, **options: Any) -> None:
        self.begun = threading.Event()
        self.over = threading.Event()
        self.ended: list[str] = []

        @dramatiq.actor(broker=broker, actor_name="spin", **options)
        def spin() -> None:
            self.begun.set()
            try:
                while not self.over.is_set():
                    try:
                        sum(range(100))
                    except Exception:  # as code does that means to survive everything
                        self.ended.append("swallowed")
            except JobInterrupt as interrupt:
                self.ended.append(type(interrupt).__name__)
                raise
            finally:
                self.ended.append("cleaned up")

        self.send = spin.send


def test_a_cancel_ends_a_plain_actor_and_its_clean_up_runs(broker: JobBroker) -> None:
    watched = Watched(broker)
    with working(broker, threads=1) as worker:
        message = watched.send()
        wait_until(watched.begun.is_set)
        cancel(broker, message)
        wait_until(lambda: job_of(broker, message).state is JobState.CANCELLED)
        assert all(thread.is_alive() for thread in worker.workers)
    assert watched.ended == [CancelInterrupt.__name__, "cleaned up"]
    assert job_of(broker, message).error is None


def test_its_time_limit_ends_it(broker: JobBroker) -> None:
    watched = Watched(broker, timeout_ms=50, max_retries=1, min_backoff=1, max_backoff=1)
    with working(broker, threads=1):
        message = watched.send()
        broker.join("default", timeout=JOIN_MS)
    assert watched.ended == [TimeLimitInterrupt.__name__, "cleaned up"] * 2
    error = job_of(broker, message).error
    assert error is not None
    assert (error.error_class, error.reason) == (ErrorClass.TIMEOUT, "TIMEOUT")


def test_dramatiqs_own_limit_is_one_and_infinity_is_none(broker: JobBroker) -> None:
    watched = Watched(broker, time_limit=50, max_retries=0)

    @dramatiq.actor(broker=broker, time_limit=float("inf"))
    def patient() -> None: ...

    with working(broker, threads=1):
        limited, unlimited = watched.send(), patient.send()
        broker.join("default", timeout=JOIN_MS)
    assert watched.ended == [TimeLimitInterrupt.__name__, "cleaned up"]
    assert job_of(broker, limited).state is JobState.FAILED
    year_ms = 365 * 24 * 3_600_000
    assert job_of(broker, unlimited).timeout_ms == year_ms


def test_a_lost_lease_ends_it(client: redis.Redis) -> None:
    broker = JobBroker(client, namespace="contract", lease_ms=3_000)
    watched = Watched(broker)
    with working(broker, threads=1):
        watched.send()
        wait_until(watched.begun.is_set)
        broker.flush("default")  # as if another worker had taken and finished it
        wait_until(lambda: "cleaned up" in watched.ended)
        watched.over.set()
    broker.close()
    assert watched.ended == [LeaseLostInterrupt.__name__, "cleaned up"]


def test_a_worker_that_shuts_down_takes_it_out_and_hands_it_back(broker: JobBroker) -> None:
    watched = Watched(broker)
    with working(broker, threads=1):
        message = watched.send()
        wait_until(watched.begun.is_set)
        broker.stop_jobs(StopReason.SHUTDOWN)
        wait_until(lambda: job_of(broker, message).state is JobState.PENDING)
    assert watched.ended == [ShutdownInterrupt.__name__, "cleaned up"]
    job = job_of(broker, message)
    assert (job.spent, job.wait_reason) == (0, "WORKER_STOPPED")


def test_a_call_that_blocks_ends_first_and_its_result_is_refused(broker: JobBroker) -> None:
    begun, gate = threading.Event(), threading.Event()
    after: list[str] = []

    @dramatiq.actor(broker=broker)
    def blocked() -> str:
        begun.set()
        gate.wait(30)
        after.append("went on")
        return "too late"

    with working(broker, threads=1):
        message = blocked.send()
        wait_until(begun.is_set)
        cancel(broker, message)
        wait_until(lambda: broker.running_jobs()[0].cancel_requested)
        assert job_of(broker, message).state is JobState.CANCELLING
        gate.set()
        wait_until(lambda: job_of(broker, message).state is JobState.CANCELLED)
    assert after == []


def test_an_actor_may_say_that_it_is_not_to_be_interrupted(broker: JobBroker) -> None:
    begun = threading.Event()

    @dramatiq.actor(broker=broker, interruptible=False, timeout_ms=10)
    def in_peace() -> str:
        job = current_job()
        assert job is not None
        begun.set()
        wait_until(lambda: job.cancel_requested and job.overdue_ms)
        return "done all the same"

    with working(broker, threads=1):
        message = in_peace.send()
        wait_until(begun.is_set)
        cancel(broker, message)
        broker.join("default", timeout=JOIN_MS)
    assert job_of(broker, message).state is JobState.SUCCEEDED


def test_a_coroutine_that_a_plain_actor_runs_is_stopped_in_its_own_way(broker: JobBroker) -> None:
    begun = threading.Event()
    ended: list[str] = []

    @dramatiq.actor(broker=broker)
    async def wait() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("coroutine")
            raise

    @dramatiq.actor(broker=broker)
    def call() -> None:
        wait()

    with working(broker, threads=1):
        message = call.send()
        wait_until(begun.is_set)
        cancel(broker, message)
        wait_until(lambda: job_of(broker, message).state is JobState.CANCELLED)
    assert ended == ["coroutine"]


class Listening(Middleware):
    """Hooks that take their time, and note what is raised in them."""

    def __init__(self) -> None:
        self.struck: list[BaseException] = []

    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        self._take_time()

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: dramatiq.MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        self._take_time()

    def before_ack(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        self._take_time()

    def after_ack(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        self._take_time()

    def _take_time(self) -> None:
        try:
            for _ in range(200):
                sum(range(20))
        except BaseException as error:
            self.struck.append(error)
            raise


@pytest.mark.parametrize("how", ["cancel", "time limit"])
def test_interrupts_that_come_as_jobs_end_strike_no_hook_and_no_other_job(
    broker: JobBroker, how: str
) -> None:
    """Hundreds of jobs that end when their interrupt comes: before, after, or in the same moment."""
    listening = Listening()
    broker.add_middleware(listening)
    draw = random.Random(5)
    may_stop: set[str] = set()
    to_stop: set[str] = set()
    ran: Counter[str] = Counter()
    wrongly: list[str] = []
    about = threading.local()

    @dramatiq.actor(broker=broker, max_retries=0)
    def brief(number: int, long_ms: float, stops: bool) -> int:
        job = current_job()
        assert job is not None
        ran[job.job_id] += 1
        about.number = number
        until_s = time.monotonic() + long_ms / 1000
        try:
            while time.monotonic() < until_s:
                job.report(0.5, f"stage {time.monotonic()}")
        except JobInterrupt:
            if not stops or about.number != number:
                wrongly.append(f"{number} of {about.number}")
            raise
        return number

    all_sent = threading.Event()

    def cancel_all() -> None:
        while not (all_sent.is_set() and broker.running_jobs() == []):
            for job in broker.running_jobs():
                if job.started_s and job.job_id in to_stop:
                    to_stop.remove(job.job_id)
                    keys = broker.queues["default"]
                    broker.runner.run(jobs.cancel(keys, job.job_id, tenant="default"))

    with working(broker, threads=4) as worker:
        sent = []
        canceller = threading.Thread(target=cancel_all)
        if how == "cancel":
            canceller.start()
        for number in range(300):
            stops = number % 2 == 0
            # Some wait for their interrupt; most end at about the time when it comes.
            usual_ms = 30.0 if how == "time limit" else 4.0
            long_ms = 60_000.0 if number < 8 else usual_ms + draw.uniform(-3, 3)
            message = brief.send_with_options(
                args=(number, long_ms if stops else 1.0, stops),
                timeout_ms=30 if stops and how == "time limit" else 60_000,
            )
            sent.append(message)
            if stops:
                may_stop.add(message.options["job_id"])
                to_stop.add(message.options["job_id"])
        all_sent.set()
        if how == "cancel":
            canceller.join()
        broker.join("default", timeout=JOIN_MS)
        assert all(thread.is_alive() for thread in worker.workers)
        # And the threads still run jobs, undisturbed.
        last = [brief.send(number, 1.0, False) for number in range(20)]
        broker.join("default", timeout=JOIN_MS)

    assert wrongly == []
    assert listening.struck == []
    states = Counter(job_of(broker, message).state for message in sent + last)
    assert set(ran.values()) == {1}
    for message in sent + last:
        if message.options["job_id"] not in may_stop:
            assert job_of(broker, message).state is JobState.SUCCEEDED
    stopped = JobState.CANCELLED if how == "cancel" else JobState.FAILED
    assert states[stopped] > 0
    assert states[stopped] + states[JobState.SUCCEEDED] == len(sent + last)


def test_messages_that_a_plain_actor_sends_are_sent_whole(broker: JobBroker) -> None:
    """A cancel in the middle of one leaves no connection with half a reply, which another would read."""
    sending = threading.Event()

    @dramatiq.actor(broker=broker, queue_name="sent")
    def leaf(number: int) -> int:
        return number

    @dramatiq.actor(broker=broker)
    def send_for_ever() -> None:
        number = 0
        while True:
            leaf.send(number)
            number += 1
            sending.set()

    def is_cancelled(message: dramatiq.Message[Any]) -> bool:
        return job_of(broker, message).state is JobState.CANCELLED

    with working(broker, threads=3):
        for _ in range(15):
            sending.clear()
            message = send_for_ever.send()
            wait_until(sending.is_set)
            cancel(broker, message)
            wait_until(partial(is_cancelled, message))
        broker.join("sent", timeout=JOIN_MS)
    assert {job.state for job in all_jobs(broker, "sent")} == {JobState.SUCCEEDED}
