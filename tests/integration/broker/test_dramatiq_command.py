"""The `dramatiq` command runs actors on JobBroker as on any broker."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import redis
from dramatiq.message import Message

from common.broker import JobBroker
from common.store import jobs
from support.children import PROGRAMS, running


def test_the_command_serves_sync_and_async_actors(valkey: str, client: redis.Redis) -> None:
    broker = JobBroker(client, namespace="cli")
    command = str(Path(sys.executable).parent / "dramatiq")
    environment = {"CLI_ACTORS_URL": valkey, "PYTHONPATH": str(PROGRAMS)}
    with running(command, "cli_actors", "-p", "1", "-t", "2", environment=environment) as program:
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
