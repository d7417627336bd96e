"""What middleware sends after a job, such as a pipeline's next step, is as safe as the job's outcome."""

from __future__ import annotations

import threading
from typing import Any

import dramatiq
from dramatiq.middleware import Middleware

from common.broker import JobBroker
from common.job.states import JobState
from support.broker_jobs import all_jobs, job_of
from support.proxy import LossyProxy
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 20_000


class HookBegins(Middleware):
    """Tells when the hooks of a job run, and holds them up."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: Any = None
    ) -> None:
        self.begun.set()
        assert self.go_on.wait(10)


def test_a_pipelines_next_step_waits_for_the_store(proxied_broker: JobBroker, proxy: LossyProxy) -> None:
    """Stock Dramatiq swallows the error, acknowledges, and the rest of the pipeline is lost."""
    broker = proxied_broker
    hook = HookBegins()
    broker.add_middleware(hook)
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def double(number: int = 0) -> int:
        ran.append(number)
        return 2 * number

    with working(broker, threads=1):
        pipe = dramatiq.pipeline([double.message(1), double.message(), double.message()], broker=broker)
        pipe.run()
        assert hook.begun.wait(10)
        with proxy.away():
            hook.go_on.set()
            gone = threading.Event()
            threading.Timer(1.0, gone.set).start()
            assert gone.wait(10)
            assert ran == [1]
        broker.join("default", timeout=JOIN_MS)
    assert ran == [1, 2, 4]
    assert [job.state for job in all_jobs(broker)] == [JobState.SUCCEEDED] * 3


def test_a_step_that_was_refused_waits_for_room(broker: JobBroker) -> None:
    """A step whose next goes to a full queue has succeeded; the next is taken once there is room."""
    ran: list[str] = []

    @dramatiq.actor(broker=broker, queue_name="first")
    def first() -> None:
        ran.append("first")

    @dramatiq.actor(broker=broker, queue_name="second")
    def second() -> None:
        ran.append("second")

    second.send()
    broker.client.hset(broker.queues["second"].config, "depth", 1)
    worker = dramatiq.Worker(broker, queues={"first"}, worker_threads=1, worker_timeout=50)
    worker.start()
    try:
        steps = [first.message(), second.message_with_options(pipe_ignore=True)]
        dramatiq.pipeline(steps, broker=broker).run()
        wait_until(lambda: [job.state for job in all_jobs(broker, "first")] == [JobState.SUCCEEDED])
        assert len(all_jobs(broker, "second")) == 1
        broker.client.hdel(broker.queues["second"].config, "depth")
        broker.join("first", timeout=JOIN_MS)
    finally:
        worker.stop()
    with working(broker):
        broker.join("second", timeout=JOIN_MS)
    assert sorted(ran) == ["first", "second", "second"]


def test_an_attempt_that_runs_again_does_not_send_the_next_step_twice(broker: JobBroker) -> None:
    """The attempt's own outcome is lost after its hooks ran; the second attempt sends the same step."""
    ran: list[str] = []
    sent = threading.Event()

    class LosesTheFirstOutcome(Middleware):
        def before_ack(self, broker: Any, message: Any) -> None:
            if message.actor_name == "first" and not sent.is_set():
                sent.set()
                keys = broker.queues[message.queue_name]
                broker.client.zadd(f"{keys.prefix}leases", {message.job.lease.member: 1})
                wait_until(lambda: job_of(broker, message).attempt == 2)

    broker.add_middleware(LosesTheFirstOutcome())

    @dramatiq.actor(broker=broker)
    def first() -> int:
        ran.append("first")
        return len(ran)

    @dramatiq.actor(broker=broker)
    def second(number: int = 0) -> None:
        ran.append("second")

    with working(broker):
        dramatiq.pipeline([first.message(), second.message()], broker=broker).run()
        broker.join("default", timeout=JOIN_MS)
    assert sorted(ran) == ["first", "first", "second"]
