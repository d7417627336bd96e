"""How jobs end when their worker stops, step by step, on a real broker in this process."""

from __future__ import annotations

import threading
import time

import dramatiq
import redis

from analysis_worker.runtime.shutdown import drain
from common.broker import JobBroker, current_job
from common.job.states import JobState
from support.waiting import wait_until
from support.worker_program import NAMESPACE, Desk
from support.workers import working

QUEUE = "exports"
LONG_MS = 60_000


def test_a_worker_without_jobs_is_drained_at_once(client: redis.Redis) -> None:
    broker = JobBroker(client, namespace=NAMESPACE)
    broker.declare_queue(QUEUE)
    with working(broker):
        drain(broker, grace_ms=LONG_MS)

        assert broker.running_jobs() == []


def test_no_job_starts_once_all_slots_were_busy_and_the_worker_stops(client: redis.Redis) -> None:
    """The consumer waits for a free slot at that moment: it must not use the one that comes free."""
    broker, desk, gate = JobBroker(client, namespace=NAMESPACE), Desk(client), threading.Event()
    begun = threading.Semaphore(0)

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def wait() -> None:
        begun.release()
        gate.wait(60)

    with working(broker, threads=2):
        # Given two busy threads and two jobs that wait for them
        first = [wait.send().options["job_id"] for _ in range(2)]
        for _ in first:
            assert begun.acquire(timeout=60)
        late = [wait.send().options["job_id"] for _ in range(2)]

        # When the worker is drained, and the running ones end
        draining = threading.Thread(target=drain, args=(broker,), kwargs={"grace_ms": LONG_MS})
        draining.start()
        wait_until(broker.draining.is_set)
        gate.set()
        draining.join()

    # Then what was begun is finished, and nothing else was begun
    states = [desk.job(job_id, QUEUE).state for job_id in first + late]
    assert states[:2] == [JobState.SUCCEEDED] * 2
    assert states[2:] == [JobState.PENDING] * 2


def test_a_synchronous_job_that_looks_stops_and_is_handed_back(client: redis.Redis) -> None:
    broker, desk = JobBroker(client, namespace=NAMESPACE), Desk(client)

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def step_by_step() -> None:
        job = current_job()
        assert job is not None
        while not job.cancel_requested:
            time.sleep(0.001)
        job.release(0, "STOPPED_BETWEEN_STEPS")

    with working(broker):
        job_id = step_by_step.send().options["job_id"]
        desk.wait_for(job_id, JobState.RUNNING, QUEUE)
        drain(broker, grace_ms=0)
        wait_until(lambda: desk.job(job_id, QUEUE).state is JobState.PENDING)

    assert desk.job(job_id, QUEUE).spent == 0
