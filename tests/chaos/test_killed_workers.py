"""One worker ends, and another goes on with its jobs. At the end everything is counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import redis
from dramatiq.message import Message

from bothsides_stack.embedded import EmbeddedServer
from common.broker import JobBroker
from common.job.states import JobState
from common.store import stats
from support.broker_jobs import all_jobs
from support.children import Program, python, running
from support.waiting import wait_until

LEASE_MS = 1_000
NAMESPACE = "chaos"


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """A server of this test's own, since it will be stopped."""
    with EmbeddedServer() as own:
        yield own


class Load:
    """Jobs on a server, and workers that may be killed."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self.url = url
        self.client = stack.enter_context(redis.Redis.from_url(url, protocol=2))
        self.broker = JobBroker(self.client, namespace=NAMESPACE)
        self.broker.declare_queue("default")
        self._stack = stack

    def send(self, count: int, duration_ms: int) -> None:
        for number in range(count):
            message: Message[None] = Message(
                "default", "effect", (number, duration_ms), {}, {"max_retries": 50}
            )
            self.broker.enqueue(message)

    def start_worker(self) -> Program:
        worker = self._stack.enter_context(
            running(
                *python("effect_worker", self.url, NAMESPACE, str(LEASE_MS)),
                environment={"dramatiq_restart_delay": "200"},
            )
        )
        worker.wait_for_line("ready")
        return worker

    def effects(self) -> int:
        count: int = self.client.hlen("effects")
        return count

    def check_that_nothing_was_lost(self, count: int) -> None:
        """Everything ran, had its effect once, and the counters equal a recount."""
        keys = self.broker.queues["default"]
        self.broker.join("default", timeout=30_000)
        states = [job.state for job in all_jobs(self.broker)]
        assert states == [JobState.SUCCEEDED] * count
        assert self.effects() == count
        now = self.broker.runner.run(stats.read_stats(keys))
        assert now.total.totals["submitted"] == now.total.totals["succeeded"] == count
        runs: int = self.client.llen("runs")
        assert now.total.totals["started"] >= runs
        assert (now.ready, now.leased, now.scheduled, now.retrying) == (0, 0, 0, 0)


@pytest.fixture
def load(server: EmbeddedServer) -> Iterator[Load]:
    with ExitStack() as stack:
        yield Load(server.url, stack)


def test_a_terminated_worker_leaves_nothing_leased(load: Load) -> None:
    worker = load.start_worker()
    load.send(100, duration_ms=50)
    wait_until(lambda: load.effects() >= 10)
    assert worker.terminate() == 0
    now = load.broker.runner.run(stats.read_stats(load.broker.queues["default"]))
    assert now.leased == 0
    assert now.total.totals.get("lost", 0) == 0
    load.start_worker()
    load.check_that_nothing_was_lost(100)


def test_a_lone_idle_worker_takes_over_within_a_lease(load: Load) -> None:
    """Stock Dramatiq: 117 to 1,294 s. Here the next worker's own waiting brings the job back."""
    first = load.start_worker()
    load.send(1, duration_ms=60_000)
    wait_until(lambda: load.client.llen("runs") == 1)
    load.start_worker()
    first.kill()
    wait_until(lambda: load.client.llen("runs") == 2)
    [job] = all_jobs(load.broker)
    assert (job.state, job.attempt, job.lost, job.spent) == (JobState.RUNNING, 2, 1, 0)
