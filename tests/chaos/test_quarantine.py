"""A job that kills its process each time is found out, and those who ran beside it are not blamed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import redis
from dramatiq.message import Message

from common.broker import JobBroker
from common.job.states import JobState
from support.broker_jobs import all_jobs, job_of
from support.chaos.processes import Nursery, nursery
from support.chaos.sink import FencedSink

QUEUE = "data_processing"
NEIGHBOURS = 63
LEASE_MS = 600
JOIN_MS = 90_000


@contextmanager
def orchestrated(forks: Nursery, workers: int, threads: int) -> Iterator[None]:
    """Keep that many workers running: start another for each that died."""
    over = threading.Event()

    def watch() -> None:
        running: list[int] = []
        while not over.wait(0.05):
            running = [pid for pid in running if psutil.pid_exists(pid)]
            running += [forks.start(threads) for _ in range(workers - len(running))]

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def test_a_job_that_kills_its_process_is_quarantined_and_its_63_neighbours_are_not(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    """One worker with room for all: whatever it takes down, all 63 are with it, twice.

    Stock Dramatiq counts no crash: the poison comes back for ever, and takes them down each time.
    """
    sink = FencedSink(tmp_path / "effects.sqlite")
    broker = JobBroker(client, namespace="quarantine")
    broker.declare_queue(QUEUE)
    poison = broker.enqueue(Message(QUEUE, "poison", (400,), {}, {}))
    neighbours = [broker.enqueue(Message(QUEUE, "effect", (5_000, 5), {}, {})) for _ in range(NEIGHBOURS)]
    with (
        nursery(valkey, "quarantine", LEASE_MS, tmp_path / "effects.sqlite") as forks,
        orchestrated(forks, 1, NEIGHBOURS + 1),
    ):
        broker.join(QUEUE, timeout=JOIN_MS)

    guilty = job_of(broker, poison)
    assert guilty.state is JobState.FAILED
    assert guilty.error is not None
    assert guilty.error.reason == "WORKER_LOST"
    assert guilty.lost == 4  # twice among others, twice alone
    # What waits too long before the threads of a busy machine is given back, which is no loss
    assert guilty.attempt >= 4
    innocent = [job_of(broker, message) for message in neighbours]
    assert {job.state for job in innocent} == {JobState.SUCCEEDED}
    # As many losses as were seen at their side; those that a busy machine had not begun yet have fewer
    assert max(job.lost for job in innocent) == 2
    assert sink.effects().keys() == {job.job_id for job in innocent}
    assert len(all_jobs(broker, QUEUE)) == NEIGHBOURS + 1
