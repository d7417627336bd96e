"""The worker as a program: anyone's actors, its health, its register, and how it stops."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dramatiq
import pytest
import redis
from dramatiq.middleware import Pipelines
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from bothsides_stack.embedded import EmbeddedServer
from common.broker import JobBroker
from common.job.model import ErrorClass, RetryPolicy
from common.job.states import JobState
from common.store.workers import list_workers
from support.waiting import wait_until
from support.worker_program import NAMESPACE, Desk, SharedWorker, shared_worker, worker_program

ACTORS = "support.worker_actors"
QUEUE = "data_processing"
shared = pytest.mark.xdist_group("generic-jobs")  # one worker for all of them


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedWorker]:
    """A worker that knows the actors, and that no test ends."""
    with shared_worker(tmp_path_factory.mktemp("worker"), WORKER_ACTOR_MODULES=ACTORS) as worker:
        yield worker


@shared
def test_any_plain_actor_is_a_job_with_a_result(worker: SharedWorker) -> None:
    desk = worker.desk()
    done = desk.final(desk.call("multiply", 6, 7), QUEUE)

    assert done.job.state is JobState.SUCCEEDED
    assert done.result is not None
    assert done.result.media_type == "application/json"
    assert json.loads(done.result.data) == 42


@shared
def test_queues_of_actor_modules_are_served_without_being_named(worker: SharedWorker) -> None:
    desk = worker.desk()
    done = desk.final(desk.call("shout", "order", queue="reports"), "reports")

    assert done.result is not None
    assert json.loads(done.result.data) == "ORDER"


def test_a_module_brings_the_middleware_that_its_actors_need(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    """Results and pipelines, as in Dramatiq's guide."""
    backend = RedisBackend(url=valkey)
    broker = JobBroker(client, namespace=NAMESPACE, middleware=[Pipelines(), Results(backend=backend)])
    first = message("add", 20, 1)
    steps = dramatiq.pipeline([first, message("double")], broker=broker)
    with worker_program(valkey, tmp_path, WORKER_ACTOR_MODULES="support.actors_with_results"):
        steps.run()
        assert first.get_result(backend=backend, block=True, timeout=30_000) == 21
        assert steps.messages[-1].get_result(backend=backend, block=True, timeout=30_000) == 42
    broker.close()


def message(actor: str, *args: int) -> dramatiq.Message[int]:
    return dramatiq.Message(queue_name="default", actor_name=actor, args=args, kwargs={}, options={})


def test_a_job_of_an_unknown_actor_waits_for_a_worker_that_knows_it(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    desk = Desk(client)
    # Given a worker without the module
    with worker_program(valkey, tmp_path):
        job_id = desk.call("multiply", 6, 7)
        # When it has looked at the job
        wait_until(lambda: desk.job(job_id, QUEUE).attempt == 1)
        wait_until(lambda: desk.job(job_id, QUEUE).state is JobState.PENDING)
    assert desk.job(job_id, QUEUE).spent == 0

    # Then one that has the module runs it
    with worker_program(valkey, tmp_path, WORKER_ACTOR_MODULES=ACTORS):
        assert desk.final(job_id, QUEUE).job.state is JobState.SUCCEEDED


def test_a_worker_is_on_the_register_while_it_runs(valkey: str, client: redis.Redis, tmp_path: Path) -> None:
    desk = Desk(client)
    with worker_program(valkey, tmp_path, WORKER_QUEUES="ai_analysis,exports") as program:
        _, [report] = desk.run(list_workers(NAMESPACE))
        assert (report.pid, report.queues, report.slots) == (
            program.process.pid,
            ("ai_analysis", "exports"),
            4,
        )
        program.terminate()
        assert program.ended() == 0

    _, left = desk.run(list_workers(NAMESPACE))
    assert left == []


def test_an_attempt_may_run_as_long_as_the_worker_allows_unless_its_job_says_otherwise(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    desk, gate = Desk(client), tmp_path / "gate"
    once = RetryPolicy(max_attempts=1)
    with worker_program(valkey, tmp_path, WORKER_ACTOR_MODULES=ACTORS, JOB_TIMEOUT_MS="100"):
        patient = desk.call("wait_for_gate", str(gate), retry=once, timeout_ms=60_000)
        hasty = desk.call("wait_for_gate", str(gate), retry=once)
        ended = desk.final(hasty, QUEUE).job
        gate.touch()
        assert desk.final(patient, QUEUE).job.state is JobState.SUCCEEDED

    assert ended.error is not None
    assert (ended.state, ended.error.error_class) == (JobState.FAILED, ErrorClass.TIMEOUT)
    assert "JOB_TIMEOUT_MS" in ended.error.suggestion


def test_on_sigterm_a_running_job_may_finish(valkey: str, client: redis.Redis, tmp_path: Path) -> None:
    desk, gate = Desk(client), tmp_path / "gate"
    with worker_program(valkey, tmp_path, WORKER_ACTOR_MODULES=ACTORS) as program:
        # Given a running job
        running = desk.call("wait_for_gate", str(gate))
        desk.wait_until_begun(running, QUEUE)

        # When the worker is told to stop
        program.terminate()
        wait_until(lambda: program.health() == "NOT_SERVING")
        late = desk.call("multiply", 1, 1)
        gate.touch()

        # Then the running one finishes, and no other is begun
        assert program.ended() == 0
    assert desk.job(running, QUEUE).state is JobState.SUCCEEDED
    assert desk.job(late, QUEUE).state is JobState.PENDING


def test_a_plain_actor_is_interrupted_on_its_thread(valkey: str, client: redis.Redis, tmp_path: Path) -> None:
    desk, never = Desk(client), str(tmp_path / "never")
    said = [tmp_path / "cancelled", tmp_path / "late", tmp_path / "stopped"]
    once = RetryPolicy(max_attempts=1)
    with worker_program(valkey, tmp_path, WORKER_ACTOR_MODULES=ACTORS, WORKER_SHUTDOWN_MS="100") as program:
        cancelled = desk.call("wait_on_a_thread", never, str(said[0]))
        late = desk.call("wait_on_a_thread", never, str(said[1]), timeout_ms=300, retry=once)
        stopped = desk.call("wait_on_a_thread", never, str(said[2]))
        for job_id in (cancelled, stopped):
            desk.wait_until_begun(job_id, QUEUE)
        desk.cancel(cancelled, QUEUE)

        assert desk.final(cancelled, QUEUE).job.state is JobState.CANCELLED
        error = desk.final(late, QUEUE).job.error
        assert error is not None
        assert error.error_class is ErrorClass.TIMEOUT
        program.terminate()
        assert program.ended() == 0
    job = desk.job(stopped, QUEUE)
    assert (job.state, job.spent, job.lost) == (JobState.PENDING, 0, 0)
    names = [path.read_text() for path in said]
    assert names == ["CancelInterrupt", "TimeLimitInterrupt", "ShutdownInterrupt"]


def test_what_does_not_finish_in_time_is_handed_back_unspent_and_runs_elsewhere(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    desk, gate = Desk(client), tmp_path / "gate"
    # Given a job that can be stopped and one that cannot
    with worker_program(valkey, tmp_path, WORKER_ACTOR_MODULES=ACTORS, WORKER_SHUTDOWN_MS="100") as program:
        jobs = [desk.call(actor, str(gate)) for actor in ("wait_for_gate", "wait_for_gate_whatever_happens")]
        for job_id in jobs:
            desk.wait_until_begun(job_id, QUEUE)

        # When the worker is told to stop
        program.terminate()
        assert program.ended() == 0

    # Then both wait again, as if they had not been begun
    for job_id in jobs:
        job = desk.job(job_id, QUEUE)
        assert (job.state, job.spent, job.lost) == (JobState.PENDING, 0, 0)

    # And another worker completes them
    gate.touch()
    with worker_program(valkey, tmp_path, WORKER_ACTOR_MODULES=ACTORS):
        assert [desk.final(job_id, QUEUE).job.state for job_id in jobs] == [JobState.SUCCEEDED] * 2


def test_a_second_signal_ends_the_worker_at_once(valkey: str, client: redis.Redis, tmp_path: Path) -> None:
    desk, gate = Desk(client), tmp_path / "never"
    with worker_program(valkey, tmp_path, WORKER_ACTOR_MODULES=ACTORS) as program:
        desk.wait_until_begun(desk.call("wait_for_gate", str(gate)), QUEUE)
        children = program.children()
        program.terminate()
        wait_until(lambda: program.health() == "NOT_SERVING")

        program.process.send_signal(signal.SIGINT)

        assert program.ended() == 128 + signal.SIGINT
        wait_until(lambda: not any(child.is_running() for child in children))


def test_a_worker_that_cannot_start_says_every_reason(valkey: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "analysis_worker"],
        env={"REDIS_URL": valkey, "WORKER_THREADS": "none", "WORKER_CHILD_MEMORY_BYTES": "-1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "WORKER_THREADS" in ended.stderr
    assert "WORKER_CHILD_MEMORY_BYTES" in ended.stderr


@shared
def test_a_worker_says_which_address_is_taken_and_leaves_nothing_behind(
    valkey: str, worker: SharedWorker
) -> None:
    address = worker.program.health_address
    second = subprocess.run(
        [sys.executable, "-m", "analysis_worker"],
        env={"REDIS_URL": valkey, "WORKER_HEALTH_ADDR": address},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 2
    assert f"WORKER_HEALTH_ADDR={address}" in second.stderr


def test_a_worker_that_starts_before_its_store_serves_once_the_store_is_there(tmp_path: Path) -> None:
    with EmbeddedServer() as server:
        url = server.url
        server.kill()
        with worker_program(url, tmp_path, serving=False, WORKER_ACTOR_MODULES=ACTORS) as program:
            assert program.health() == "NOT_SERVING"

            server.restart()

            wait_until(lambda: program.health() == "SERVING", timeout_s=60)
            with redis.Redis.from_url(url, protocol=2) as client:
                desk = Desk(client)
                assert desk.final(desk.call("multiply", 6, 7), QUEUE).job.state is JobState.SUCCEEDED
