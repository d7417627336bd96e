"""Errors on purpose: each takes the way of a real one, and none is made up without being allowed to."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import redis

from analysis_worker.runtime.children import ChildPool
from analysis_worker.runtime.simulation.effects import EXIT_STATUS, SimulatedErrors
from analysis_worker.runtime.simulation.rules import read_rules
from analysis_worker.runtime.simulation.store import LosableClient
from common.broker import JobBroker
from common.job.ids import JobId
from common.job.model import ErrorClass, RetryPolicy
from common.job.states import JobState
from common.store.workers import list_workers
from support.waiting import wait_until
from support.worker_program import NAMESPACE, Desk, worker_program
from support.workers import working

QUEUE = "data_processing"
ACTORS = "support.worker_actors"


@contextmanager
def simulating(client: redis.Redis, rules: str) -> Iterator[tuple[Desk, list[str]]]:
    """A worker with the actors `sync` and `coroutine`, which note that they ran."""
    store = LosableClient(client)
    broker = JobBroker(
        store,  # type: ignore[arg-type]
        namespace=NAMESPACE,
        lease_ms=60_000,
        retry=RetryPolicy(min_backoff_ms=1, max_backoff_ms=1),
    )
    children = ChildPool(1)
    broker.add_middleware(SimulatedErrors(read_rules(rules), 1, children, store))
    ran: list[str] = []

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def sync() -> None:
        ran.append("sync")

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    async def coroutine() -> None:
        await asyncio.sleep(0)
        ran.append("coroutine")

    try:
        with working(broker):
            yield Desk(client), ran
    finally:
        children.close()


def call(desk: Desk, actor: str, **fields: Any) -> JobId:
    return desk.call(actor, retry=RetryPolicy(max_attempts=1), **fields)


@pytest.mark.parametrize("actor", ["sync", "coroutine"])
@pytest.mark.parametrize("error_class", [ErrorClass.TRANSIENT, ErrorClass.INVALID_INPUT, ErrorClass.BUG])
def test_an_attempt_ends_in_the_class_that_was_chosen(
    client: redis.Redis, actor: str, error_class: ErrorClass
) -> None:
    with simulating(client, f"{error_class} 100%") as (desk, ran):
        job = desk.final(call(desk, actor), QUEUE).job

    assert job.error is not None
    assert (job.error.error_class, job.error.reason) == (error_class, "SIMULATED")
    assert "WORKER_SIMULATE_ERRORS" in job.error.suggestion
    assert ran == []


def test_a_hold_lasts_as_long_as_the_rule_says(client: redis.Redis) -> None:
    with simulating(client, "RATE_LIMITED 100% ms=3600000") as (desk, _):
        job_id = call(desk, "sync")
        wait_until(lambda: desk.job(job_id, QUEUE).attempt == 1)
        job = desk.wait_for(job_id, JobState.PENDING, QUEUE)

    assert job.spent == 0
    assert job.run_at_ms is not None
    assert job.run_at_ms - job.updated_ms == 3_600_000


def test_only_those_are_struck_that_the_rule_is_meant_for(client: redis.Redis) -> None:
    with simulating(client, "BUG 100% label.team=red; BUG 100% type=EXPORT") as (desk, ran):
        red = desk.final(call(desk, "sync", labels={"team": "red"}), QUEUE).job
        blue = desk.final(call(desk, "sync", labels={"team": "blue"}), QUEUE).job

    assert (red.state, blue.state) == (JobState.FAILED, JobState.SUCCEEDED)
    assert ran == ["sync"]


@pytest.mark.parametrize("actor", ["sync", "coroutine"])
def test_a_slow_attempt_takes_its_time_and_then_does_its_work(client: redis.Redis, actor: str) -> None:
    with simulating(client, "SLOW 100% ms=300") as (desk, ran):
        job = desk.final(call(desk, actor), QUEUE).job

    assert (job.state, ran) == (JobState.SUCCEEDED, [actor])
    assert job.started_ms is not None
    assert job.ended_ms is not None
    assert job.ended_ms - job.started_ms >= 300


def test_a_slow_attempt_stops_at_its_time_limit_and_on_a_cancel(client: redis.Redis) -> None:
    with simulating(client, "SLOW 100% ms=3600000") as (desk, _):
        limited = desk.final(call(desk, "coroutine", timeout_ms=100), QUEUE).job
        cancelled = call(desk, "coroutine")
        desk.wait_for(cancelled, JobState.RUNNING, QUEUE)
        desk.cancel(cancelled, QUEUE)
        assert desk.final(cancelled, QUEUE).job.state is JobState.CANCELLED

    assert limited.error is not None
    assert limited.error.error_class is ErrorClass.TIMEOUT


def test_a_child_crashes_and_its_job_alone_is_to_blame(client: redis.Redis) -> None:
    with simulating(client, "CRASH_CHILD 100% label.team=red") as (desk, _):
        red = desk.final(call(desk, "coroutine", labels={"team": "red"}), QUEUE).job
        blue = desk.final(call(desk, "coroutine"), QUEUE).job

    assert red.error is not None
    assert red.error.reason == "CHILD_CRASHED"
    assert blue.state is JobState.SUCCEEDED


def test_a_lost_store_is_found_again_and_nothing_is_lost_with_it(client: redis.Redis) -> None:
    with simulating(client, "LOSE_STORE 100% ms=500 label.team=red") as (desk, ran):
        red = call(desk, "sync", labels={"team": "red"})
        others = [call(desk, "sync") for _ in range(5)]
        assert desk.final(red, QUEUE).job.state is JobState.SUCCEEDED
        assert {desk.final(job_id, QUEUE).job.state for job_id in others} == {JobState.SUCCEEDED}

    assert len(ran) == 6


def test_a_worker_that_exits_costs_its_job_a_lease_and_no_attempt(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    desk = Desk(client)
    with worker_program(
        valkey,
        tmp_path,
        WORKER_ACTOR_MODULES=ACTORS,
        JOB_LEASE_MS="2000",
        WORKER_DEVELOPMENT="true",
        WORKER_SIMULATE_ERRORS="EXIT 100%",
    ) as program:
        job_id = desk.call("multiply", 6, 7)
        assert program.ended() == EXIT_STATUS
        assert "this worker makes errors up: EXIT 100%" in program.log.read_text()

    with worker_program(valkey, tmp_path, WORKER_ACTOR_MODULES=ACTORS):
        job = desk.final(job_id, QUEUE).job
    assert (job.state, job.spent, job.lost) == (JobState.SUCCEEDED, 1, 1)


def test_a_worker_that_makes_errors_up_says_so_in_its_report(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    with worker_program(
        valkey, tmp_path, WORKER_DEVELOPMENT="true", WORKER_SIMULATE_ERRORS="BUG 5%; SLOW 1%"
    ):
        _, [report] = Desk(client).run(list_workers(NAMESPACE))
    assert report.simulates == "BUG 5%; SLOW 1%"


def test_errors_are_not_made_up_unless_the_worker_is_for_development(valkey: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "analysis_worker"],
        env={"REDIS_URL": valkey, "WORKER_SIMULATE_ERRORS": "BUG 5%"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "WORKER_SIMULATE_ERRORS" in ended.stderr
    assert "WORKER_DEVELOPMENT=true" in ended.stderr
