"""Limits over all workers hold while workers are killed, and no worker's clock matters."""

from __future__ import annotations

import os
import random
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis
from dramatiq.message import Message

from common.broker import JobBroker
from common.job.states import JobState
from common.store import queue_settings, stats
from common.store.events import StateChanged, events_of
from support.broker_jobs import all_jobs
from support.chaos.processes import nursery
from support.chaos.sink import FencedSink
from support.waiting import wait_until

QUEUE = "data_processing"
NAMESPACE = "limits"
LEASE_MS = 400
JOIN_MS = 60_000


def broker_of(client: redis.Redis, **settings: str) -> JobBroker:
    broker = JobBroker(client, namespace=NAMESPACE)
    broker.declare_queue(QUEUE)
    if settings:
        broker.runner.run(queue_settings.configure(broker.queues[QUEUE], settings))
    return broker


def send(broker: JobBroker, count: int, duration_ms: int, **options: Any) -> None:
    for _ in range(count):
        broker.enqueue(Message(QUEUE, "effect", (duration_ms,), {}, options))


def changes(broker: JobBroker) -> list[StateChanged]:
    """Return what happened, in order."""
    entries: Any = broker.client.xrange(broker.queues[QUEUE].events)
    told = (event for _, entry in entries for event in events_of(entry))
    return [event for event in told if isinstance(event, StateChanged)]


def test_a_killed_holder_of_a_limited_slot_gives_it_back_with_its_lease(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    """Stock: a ConcurrentRateLimiter's slot leaks, and every later attempt keeps it leaked."""
    chance = random.Random(1)
    broker = broker_of(client, concurrency="2")
    sink = FencedSink(tmp_path / "effects.sqlite")
    send(broker, 40, duration_ms=40)
    with nursery(valkey, NAMESPACE, LEASE_MS, tmp_path / "effects.sqlite") as forks:
        workers = [forks.start() for _ in range(3)]
        for _ in range(4):
            done = sink.count()
            wait_until(lambda done=done: sink.count() >= done + 4)  # type: ignore[misc]
            victim = chance.randrange(len(workers))
            os.kill(workers[victim], signal.SIGKILL)
            workers[victim] = forks.start()
        broker.join(QUEUE, timeout=JOIN_MS)
    running: set[str] = set()
    for change in changes(broker):
        running.discard(change.job_id)
        if change.state is JobState.RUNNING:
            running.add(change.job_id)
        assert len(running) <= 2
    assert {job.state for job in all_jobs(broker, QUEUE)} == {JobState.SUCCEEDED}


def test_no_window_holds_one_start_too_many_and_no_attempt_is_spent_on_waiting(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    """Stock: 5.4 attempts a success, and twice the limit where two windows meet."""
    most, window_ms = 10, 600
    broker = broker_of(client, window=f"{most}/{window_ms}")
    with nursery(valkey, NAMESPACE, 10_000, tmp_path / "effects.sqlite") as forks:
        for _ in range(3):
            forks.start()
        send(broker, 50, duration_ms=5)
        broker.join(QUEUE, timeout=JOIN_MS)
    starts = [change.at_ms for change in changes(broker) if change.state is JobState.RUNNING]
    assert len(starts) == 50
    assert {job.attempt for job in all_jobs(broker, QUEUE)} == {1}
    for first, eleventh in zip(starts, starts[most:], strict=False):
        assert eleventh - first >= window_ms


def test_workers_whose_clocks_are_wrong_lose_and_repeat_nothing(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    """Stock: 70 s are enough for a live worker to be taken for dead, and its jobs given away."""
    broker = broker_of(client)
    path = tmp_path / "effects.sqlite"
    with ExitStack() as stack:
        for ahead_s in (0, 3_600, -3_600):
            forks = nursery(valkey, NAMESPACE, LEASE_MS, path, clock_ahead_s=ahead_s)
            stack.enter_context(forks).start()
        send(broker, 12, duration_ms=1_000)
        send(broker, 40, duration_ms=10)
        broker.join(QUEUE, timeout=JOIN_MS)
    jobs = all_jobs(broker, QUEUE)
    assert {(job.state, job.attempt, job.lost) for job in jobs} == {(JobState.SUCCEEDED, 1, 0)}
    assert len({attempt.worker for attempt in FencedSink(path).attempts()}) == 3
    total = broker.runner.run(stats.read_stats(broker.queues[QUEUE])).total.totals
    assert (total["started"], total["succeeded"]) == (52, 52)
