"""Plain synchronous functions that never look can be stopped all the same, when their actor is `isolated`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dramatiq
import psutil
import pytest
import redis

from analysis_worker.runtime.children import ChildPool
from analysis_worker.runtime.isolation import CannotBeIsolated, IsolatedActors
from common.broker import JobBroker
from common.broker.isolation import NotIsolated
from common.job.ids import JobId
from common.job.model import ErrorClass, JobError, RetryPolicy
from common.job.states import JobState
from support.waiting import wait_until
from support.worker_program import NAMESPACE, Desk, SharedWorker, shared_worker

ACTORS = "support.isolated_actors"
QUEUE = "data_processing"
ONCE = RetryPolicy(max_attempts=1)
MIB = 1024 * 1024

pytestmark = pytest.mark.xdist_group("isolated-actors")  # one worker for all of them


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedWorker]:
    limit = str(64 * MIB)
    with shared_worker(
        tmp_path_factory.mktemp("worker"), WORKER_ACTOR_MODULES=ACTORS, WORKER_CHILD_MEMORY_BYTES=limit
    ) as shared:
        yield shared


@pytest.fixture
def desk(worker: SharedWorker) -> Desk:
    return worker.desk()


def value_of(desk: Desk, job_id: JobId) -> Any:
    done = desk.final(job_id, QUEUE)
    assert done.job.state is JobState.SUCCEEDED, done.job
    assert done.result is not None
    return json.loads(done.result.data)


def error_of(desk: Desk, job_id: JobId) -> JobError:
    job = desk.final(job_id, QUEUE).job
    assert job.state is JobState.FAILED
    assert job.error is not None
    return job.error


def process_of(begun: Path) -> psutil.Process:
    """Wait until `never_end` runs; return its process."""
    wait_until(begun.exists, timeout_s=60)
    return psutil.Process(int(begun.read_text()))


def test_it_runs_in_another_process_and_returns_its_value(worker: SharedWorker, desk: Desk) -> None:
    total, pid = value_of(desk, desk.call("add_apart", 40, 2))

    assert total == 42
    assert pid not in (worker.program.process.pid, value_of(desk, desk.call("plain")))


def test_a_cancel_ends_its_process_in_the_middle(desk: Desk, tmp_path: Path) -> None:
    # Given a function that would run for ever
    endless = desk.call("never_end", str(tmp_path / "begun"))
    process = process_of(tmp_path / "begun")

    # When its job is cancelled
    desk.cancel(endless, QUEUE)

    # Then job and process have ended, and the worker goes on
    assert desk.final(endless, QUEUE).job.state is JobState.CANCELLED
    wait_until(lambda: not process.is_running())
    assert value_of(desk, desk.call("add_apart", 1, 1))[0] == 2


def test_its_time_limit_ends_it(desk: Desk, tmp_path: Path) -> None:
    # Given a process that has started, which takes its time on a busy machine
    value_of(desk, desk.call("add_apart", 1, 1))

    hasty = desk.call("never_end", str(tmp_path / "begun"), retry=ONCE, timeout_ms=5_000)
    process = process_of(tmp_path / "begun")

    assert error_of(desk, hasty).error_class is ErrorClass.TIMEOUT
    wait_until(lambda: not process.is_running())


def test_its_memory_limit_ends_it_and_nothing_else(desk: Desk) -> None:
    greedy = desk.call("hoard", 512 * MIB, retry=ONCE)
    modest = desk.call("hoard", MIB, retry=ONCE)

    assert error_of(desk, greedy).reason == "CHILD_OUT_OF_MEMORY"
    assert value_of(desk, modest) == MIB


def test_how_it_fails_is_told(desk: Desk) -> None:
    crash, refusal, message = (
        error_of(desk, desk.call(actor, retry=ONCE)) for actor in ("crash", "refuse", "send_on")
    )

    assert crash.reason == "CHILD_CRASHED"
    assert (refusal.error_class, refusal.reason) == (ErrorClass.INVALID_INPUT, "TOO_SHORT")
    # It has no store to send to: a message is refused, and not lost.
    assert message.reason == "ISOLATED_ACTOR_SENDS"
    # The process that crashed is replaced.
    assert value_of(desk, desk.call("add_apart", 1, 1))[0] == 2


def test_a_worker_that_has_no_processes_for_it_does_not_start(client: redis.Redis) -> None:
    broker = JobBroker(client, namespace=NAMESPACE)

    @dramatiq.actor(broker=broker, queue_name=QUEUE, isolated=True)
    def alone() -> None: ...

    worker = dramatiq.Worker(broker)
    with pytest.raises(NotIsolated, match="alone"):
        worker.start()
    # One that serves other queues does.
    other = dramatiq.Worker(broker, queues={"exports"}, worker_timeout=50)
    other.start()
    other.stop()


def test_only_what_a_process_can_find_and_run_is_isolated(client: redis.Redis) -> None:
    broker = JobBroker(client, namespace=NAMESPACE)
    children = ChildPool(1)
    broker.add_middleware(IsolatedActors(children))

    async def coroutine() -> None: ...

    def local() -> None: ...

    declare = dramatiq.actor(broker=broker, queue_name=QUEUE, isolated=True)
    with pytest.raises(CannotBeIsolated, match="coroutine"):
        declare(coroutine)
    declare = dramatiq.actor(broker=broker, queue_name=QUEUE, isolated=True)
    with pytest.raises(CannotBeIsolated, match="top of a module"):
        declare(local)
    children.close()
