"""The store goes away, turns read-only and comes back while jobs run: failures of stock Dramatiq, each.

docs/dramatiq.md maps them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext

import dramatiq
import pytest
import redis

from bothsides_stack.embedded import EmbeddedServer
from common.broker import JobBroker
from common.job.states import JobState
from common.settings import StoreSettings
from common.store.clients import redis_client
from common.store.scripts import script
from support.broker_jobs import all_jobs, job_of
from support.chaos.fleet import pause
from support.proxied import client_behind
from support.proxy import LossyProxy
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 30_000


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """A server of this test's own, since it will be stopped."""
    with EmbeddedServer(fsync="always") as own:
        yield own


@pytest.fixture
def on_server(server: EmbeddedServer) -> Iterator[JobBroker]:
    """A broker with the client that the services use."""
    with redis_client(StoreSettings(server.url)) as client:
        broker = JobBroker(client, namespace="outage", lease_ms=4_000)
        yield broker
        broker.close()


def test_a_retry_decided_while_the_store_is_away_is_kept(broker: JobBroker, proxy: LossyProxy) -> None:
    """Stock: the retry is enqueued in a hook whose error is swallowed, then the message is acknowledged."""
    begun, go_on = threading.Event(), threading.Event()
    attempts: list[int] = []

    @dramatiq.actor(broker=broker, max_retries=3, min_backoff=10, max_backoff=20)
    def fail_once() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            begun.set()
            assert go_on.wait(10)
            raise RuntimeError

    with working(broker):
        message = fail_once.send()
        assert begun.wait(10)
        with proxy.away():
            go_on.set()
            pause(1)
        broker.join("default", timeout=JOIN_MS)
    job = job_of(broker, message)
    assert (job.state, job.spent, len(attempts)) == (JobState.SUCCEEDED, 2, 2)


def test_a_success_while_the_store_is_away_is_kept_and_not_run_again(
    broker: JobBroker, proxy: LossyProxy
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def work() -> int:
        ran.append(1)
        begun.set()
        assert go_on.wait(10)
        return 42

    with working(broker):
        message = work.send()
        assert begun.wait(10)
        with proxy.away():
            go_on.set()
            pause(1)
        broker.join("default", timeout=JOIN_MS)
    assert job_of(broker, message).state is JobState.SUCCEEDED
    assert ran == [1]


def test_delayed_jobs_and_retries_survive_a_restart_of_the_store(
    server: EmbeddedServer, on_server: JobBroker
) -> None:
    """Stock: after a restart of one second they belong to a live worker that has forgotten them."""
    ran: list[str] = []

    @dramatiq.actor(broker=on_server, max_retries=3, min_backoff=1_500, max_backoff=1_500)
    def work(name: str) -> None:
        ran.append(name)
        if ran.count(name) == 1 and name == "retried":
            raise RuntimeError

    with working(on_server):
        work.send_with_options(args=("delayed",), delay=1_500)
        retried = work.send("retried")
        wait_until(lambda: job_of(on_server, retried).state is JobState.RETRYING)
        server.restart()
        on_server.join("default", timeout=JOIN_MS)
    assert sorted(ran) == ["delayed", "retried", "retried"]


@pytest.mark.parametrize("outage", ["restart", "crash", "read-only", "connections cut"])
def test_every_thread_lives_through_an_outage(
    server: EmbeddedServer, on_server: JobBroker, outage: str
) -> None:
    """Stock: a consumer's thread ends on a Redis error at the wrong place, and its queue stands still."""
    ran: list[int] = []

    @dramatiq.actor(broker=on_server)
    def work(number: int) -> None:
        ran.append(number)

    @dramatiq.actor(broker=on_server, queue_name="second")
    def second(number: int) -> None:
        ran.append(number)

    with working(on_server) as worker, redis.Redis.from_url(server.url) as operator:
        for number in range(0, 20, 2):
            work.send_with_options(args=(number,), delay=number * 50)
            second.send_with_options(args=(number + 1,), delay=number * 50)
        wait_until(lambda: len(ran) >= 4)
        match outage:
            case "restart":
                server.restart()
            case "crash":
                server.kill()
                pause(0.5)
                server.restart()
            case "read-only":
                operator.replicaof("127.0.0.1", "1")
                pause(0.5)
                operator.replicaof("NO", "ONE")
            case _:
                for _ in range(20):
                    operator.client_kill_filter(_type="normal", skipme=True)
                    pause(0.02)
        for queue in ("default", "second"):
            on_server.join(queue, timeout=JOIN_MS)
        assert all(thread.is_alive() for thread in [*worker.workers, *worker.consumers.values()])
    assert sorted(ran) == list(range(20))


def test_an_outcome_that_meets_a_read_only_store_waits_for_its_promotion(
    server: EmbeddedServer, on_server: JobBroker
) -> None:
    """As in a fail-over. Stock: "You've found a bug in Dramatiq", and the job runs again after a restart."""
    begun, go_on = threading.Event(), threading.Event()
    ran: list[int] = []

    @dramatiq.actor(broker=on_server)
    def work() -> None:
        ran.append(1)
        begun.set()
        assert go_on.wait(10)

    with working(on_server), redis.Redis.from_url(server.url) as operator:
        message = work.send()
        assert begun.wait(10)
        operator.replicaof("127.0.0.1", "1")
        go_on.set()
        pause(0.5)
        assert job_of(on_server, message).state is JobState.RUNNING
        operator.replicaof("NO", "ONE")
        on_server.join("default", timeout=JOIN_MS)
    assert job_of(on_server, message).state is JobState.SUCCEEDED
    assert ran == [1]


@pytest.mark.parametrize("silence", ["away", "mute"])
def test_a_worker_without_a_good_renewal_stops_its_jobs_before_their_leases_end(
    proxy: LossyProxy, valkey: str, silence: str
) -> None:
    """Else it would run beside the one that gets the job next. No call that hangs may hold this up."""
    lease_ms = 3_000
    begun, stopped = threading.Event(), threading.Event()
    stopped_s: list[float] = []
    with client_behind(proxy, valkey) as client:
        broker = JobBroker(client, namespace="lossy", lease_ms=lease_ms)

        @dramatiq.actor(broker=broker)
        async def work() -> None:
            if stopped.is_set():
                return
            begun.set()
            try:
                await asyncio.sleep(60)
            finally:
                stopped_s.append(time.monotonic())
                stopped.set()

        with working(broker):
            message = work.send()
            assert begun.wait(10)
            silent_s = time.monotonic()
            if silence == "mute":
                proxy.withhold_reply_of(script("renew").sha)
            with proxy.away() if silence == "away" else nullcontext():
                assert stopped.wait(10)
            broker.join("default", timeout=JOIN_MS)
        # The last good renewal was before that, so the lease still ran.
        assert stopped_s[0] - silent_s < lease_ms / 1000
        job = job_of(broker, message)
        assert (job.state, job.spent) == (JobState.SUCCEEDED, 1)
        broker.close()


def test_a_worker_stopped_while_the_store_is_away_writes_its_outcomes_when_it_is_back(
    broker: JobBroker, proxy: LossyProxy
) -> None:
    ran: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    def work(number: int) -> None:
        ran.append(number)
        begun.set()
        assert go_on.wait(10)

    worker = dramatiq.Worker(broker, worker_threads=4, worker_timeout=50)
    worker.start()
    for number in range(4):
        work.send(number)
    wait_until(lambda: len(ran) == 4)
    with proxy.away():
        go_on.set()
        stopper = threading.Thread(target=worker.stop)
        stopper.start()
        pause(0.5)
    stopper.join()
    assert {job.state for job in all_jobs(broker)} == {JobState.SUCCEEDED}
    assert sorted(ran) == list(range(4))


def test_a_producer_is_told_when_the_store_is_away_and_may_ask_again(
    broker: JobBroker, proxy: LossyProxy
) -> None:
    @dramatiq.actor(broker=broker)
    def work() -> None: ...

    with proxy.away(), pytest.raises(dramatiq.errors.ConnectionClosed):
        work.send_with_options(request_id="once")
    first = wait_until(lambda: work.send_with_options(request_id="once"))
    assert work.send_with_options(request_id="once").options["job_id"] == first.options["job_id"]
    assert len(all_jobs(broker)) == 1
