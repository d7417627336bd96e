"""One worker ends, and another goes on with its jobs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from dramatiq.message import Message

from common.broker import JobBroker
from common.job.states import JobState
from common.store import stats
from common.store.stats import QueueStatistics
from support.broker_jobs import all_jobs
from support.chaos.processes import Nursery, nursery
from support.chaos.sink import FencedSink
from support.waiting import wait_until

QUEUE = "data_processing"
LEASE_MS = 1_000


@pytest.fixture
def sink(tmp_path: Path) -> FencedSink:
    return FencedSink(tmp_path / "effects.sqlite")


@pytest.fixture
def forks(valkey: str, tmp_path: Path, sink: FencedSink) -> Iterator[Nursery]:
    with nursery(valkey, "killed", LEASE_MS, tmp_path / "effects.sqlite") as started:
        yield started


@pytest.fixture
def broker(client: redis.Redis) -> JobBroker:
    made = JobBroker(client, namespace="killed")
    made.declare_queue(QUEUE)
    return made


def send(broker: JobBroker, duration_ms: int) -> Message[Any]:
    return broker.enqueue(Message(QUEUE, "effect", (duration_ms,), {}, {}))


def statistics(broker: JobBroker) -> QueueStatistics:
    read: QueueStatistics = broker.runner.run(stats.read_stats(broker.queues[QUEUE]))
    return read


def test_a_terminated_worker_leaves_nothing_leased(
    forks: Nursery, broker: JobBroker, sink: FencedSink
) -> None:
    worker = forks.start()
    for _ in range(60):
        send(broker, duration_ms=50)
    wait_until(lambda: sink.count() >= 10)
    os.kill(worker, signal.SIGTERM)
    wait_until(lambda: not psutil.pid_exists(worker))
    now = statistics(broker)
    assert now.leased == 0
    assert now.total.totals.get("lost", 0) == 0
    assert sink.count() < 60
    forks.start()
    broker.join(QUEUE, timeout=30_000)
    assert sink.count() == 60
    assert {(job.state, job.lost) for job in all_jobs(broker, QUEUE)} == {(JobState.SUCCEEDED, 0)}


def test_a_lone_idle_worker_takes_over_within_a_lease(
    forks: Nursery, broker: JobBroker, sink: FencedSink
) -> None:
    """Stock Dramatiq: 117 to 1,294 s. Here the next worker's own waiting brings the job back."""
    first = forks.start()
    send(broker, duration_ms=60_000)
    wait_until(lambda: len(sink.attempts()) == 1)
    second = forks.start()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: [attempt.worker for attempt in sink.attempts()] == [first, second])
    [job] = all_jobs(broker, QUEUE)
    assert (job.state, job.attempt, job.lost, job.spent) == (JobState.RUNNING, 2, 1, 0)
