"""The `dramatiq` command runs actors on JobBroker as on any broker."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import redis
from dramatiq.message import Message

from common.broker import JobBroker
from common.job.states import JobState
from common.store import jobs
from support.broker_jobs import job_of
from support.children import PROGRAMS, running
from support.waiting import wait_until

DRAMATIQ = str(Path(sys.executable).parent / "dramatiq")


def test_the_command_serves_sync_and_async_actors(valkey: str, client: redis.Redis) -> None:
    broker = JobBroker(client, namespace="cli")
    environment = {"CLI_ACTORS_URL": valkey, "PYTHONPATH": str(PROGRAMS)}
    with running(DRAMATIQ, "cli_actors", "-p", "1", "-t", "2", environment=environment) as program:
        sent = [
            broker.enqueue(Message("default", "add", (2, 3), {}, {})),
            broker.enqueue(Message("default", "double", (21,), {}, {})),
        ]
        broker.join("default", timeout=20_000)
        assert program.terminate() == 0
    results = []
    for message in sent:
        snapshot = broker.runner.run(jobs.get(broker.queues["default"], message.options["job_id"], full=True))
        assert snapshot is not None
        assert snapshot.result is not None
        results.append(json.loads(snapshot.result.data))
    assert results == [5, 42]


def test_a_plain_actor_of_the_command_is_cancelled_as_it_computes(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    broker = JobBroker(client, namespace="cli")
    said = tmp_path / "said"
    environment = {"CLI_ACTORS_URL": valkey, "PYTHONPATH": str(PROGRAMS)}
    with running(DRAMATIQ, "cli_actors", "-p", "1", "-t", "1", environment=environment) as program:
        endless = broker.enqueue(Message("default", "endure", (str(said),), {}, {}))
        wait_until(said.exists)
        broker.runner.run(jobs.cancel(broker.queues["default"], endless.options["job_id"], tenant="default"))
        wait_until(lambda: job_of(broker, endless).state is JobState.CANCELLED)
        # Its thread goes on.
        added = broker.enqueue(Message("default", "add", (2, 3), {}, {}))
        broker.join("default", timeout=20_000)
        assert program.terminate() == 0
    assert said.read_text() == "CancelInterrupt"
    assert job_of(broker, added).state is JobState.SUCCEEDED
