"""A server that refuses for a while is waited for: outcomes are kept, and written when it takes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import dramatiq
import pytest

from common.broker import JobBroker
from common.job.states import JobState
from common.store import jobs, stats
from support.topology import Server, server
from support.waiting import wait_until
from support.workers import working

NOWHERE = ("127.0.0.1", 1)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server of this test's own, which answers while it loads its file."""
    with server(tmp_path, {"loading-process-events-interval-bytes": "1024"}) as one:
        yield one


@pytest.fixture
def broker(own: Server) -> Iterator[JobBroker]:
    with own.client(socket_timeout=5) as client:
        made = JobBroker(client, namespace="refusals", lease_ms=30_000)
        yield made
        made.close()


def state_of(broker: JobBroker, message: dramatiq.Message[None]) -> JobState:
    read = broker.runner.run(jobs.get(broker.queues["default"], message.options["job_id"]))
    assert isinstance(read, jobs.Snapshot)
    return read.job.state


@pytest.mark.parametrize("serves_stale_data", ["yes", "no"], ids=["READONLY", "MASTERDOWN"])
def test_a_server_that_is_a_replica_for_a_while(
    own: Server, broker: JobBroker, serves_stale_data: str
) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    def work() -> None:
        begun.set()
        go_on.wait(20)
        ended.set()

    with own.client() as operator, working(broker):
        # Given a running job
        first = work.send()
        assert begun.wait(20)
        # When the server takes no writes, the job ends, and another is sent
        operator.config_set("replica-serve-stale-data", serves_stale_data)
        operator.replicaof(*NOWHERE)
        with pytest.raises(dramatiq.errors.ConnectionClosed):
            work.send()
        go_on.set()
        assert ended.wait(20)
        # And when it takes them again
        operator.replicaof("NO", "ONE")
        # Then the outcome is written, and workers fetch again
        wait_until(lambda: state_of(broker, first) is JobState.SUCCEEDED)
        second = work.send()
        wait_until(lambda: state_of(broker, second) is JobState.SUCCEEDED)
    total = broker.runner.run(stats.read_stats(broker.queues["default"])).total.totals
    assert (total["submitted"], total["started"], total["succeeded"]) == (2, 2, 2)


def test_a_server_that_loads_its_file(own: Server, broker: JobBroker) -> None:
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def work(number: int) -> None:
        ran.append(number)

    for number in range(100):
        work.send(number)
    # When it starts again, and says LOADING for about a second
    with own.client() as operator:
        operator.bgrewriteaof()
        wait_until(lambda: not own.info("persistence")["aof_rewrite_in_progress"])
        operator.config_set("key-load-delay", "3000")
        operator.config_rewrite()
    own.kill()
    with working(broker):
        own.start(wait=False)
        wait_until(own.is_loading)
        wait_until(lambda: len(ran) == 100)
        broker.join("default", timeout=20_000)
    assert sorted(ran) == list(range(100))
