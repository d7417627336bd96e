"""The `dramatiq` command on JobBroker: several processes, forks, a reload, a termination."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from dramatiq.message import Message

from common.broker import JobBroker
from common.job.states import JobState
from support.broker_jobs import all_jobs
from support.children import PROGRAMS, Program, running
from support.waiting import wait_until

JOIN_MS = 30_000
PROCESSES = 2


@pytest.fixture
def program(valkey: str) -> Iterator[Program]:
    command = str(Path(sys.executable).parent / "dramatiq")
    environment = {"CLI_ACTORS_URL": valkey, "PYTHONPATH": str(PROGRAMS)}
    with running(command, "cli_forks", "-p", str(PROCESSES), "-t", "2", environment=environment) as started:
        yield started


@pytest.fixture
def producer(client: redis.Redis) -> JobBroker:
    broker = JobBroker(client, namespace="cli")
    broker.declare_queue("default")
    return broker


def send(broker: JobBroker, numbers: range) -> None:
    for number in numbers:
        broker.enqueue(Message("default", "work", (number,), {}, {}))


def processes(client: redis.Redis, kind: str) -> set[int]:
    names: Any = client.smembers("processes")
    told = (name.decode().split() for name in names)
    return {int(pid) for what, pid in told if what == kind}


def test_several_processes_share_the_jobs_beside_the_forks_of_middleware(
    program: Program, producer: JobBroker, client: redis.Redis
) -> None:
    def both_work() -> bool:
        send(producer, range(20))
        producer.join("default", timeout=JOIN_MS)
        return len(processes(client, "worker")) == PROCESSES

    wait_until(both_work, timeout_s=60)
    assert len(wait_until(lambda: processes(client, "fork"))) == 1
    assert program.terminate(timeout_s=60) == 0
    found = all_jobs(producer)
    assert {job.state for job in found} == {JobState.SUCCEEDED}
    assert client.llen("ran") == len(found)
    assert len({job.worker for job in found}) == PROCESSES


def test_a_reload_loses_and_repeats_nothing(
    program: Program, producer: JobBroker, client: redis.Redis
) -> None:
    send(producer, range(200))
    wait_until(lambda: client.llen("ran") >= 10, timeout_s=60)
    before = processes(client, "worker")
    program.process.send_signal(signal.SIGHUP)
    wait_until(lambda: processes(client, "worker") - before or client.llen("ran") == 200, timeout_s=60)
    send(producer, range(200, 220))
    wait_until(lambda: processes(client, "worker") - before, timeout_s=60)
    producer.join("default", timeout=JOIN_MS)
    assert sorted(int(number) for number in client.lrange("ran", 0, -1)) == list(range(220))
    assert program.terminate(timeout_s=60) == 0
