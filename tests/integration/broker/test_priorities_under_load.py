"""Urgent jobs behind thousands of patient ones, and a tenant's few behind another's flood, on busy workers.

The event stream is the witness: what started before what does not hang on how busy the machine is.
"""

from __future__ import annotations

import time
from typing import Any

import dramatiq
import redis

from common.broker import JobBroker
from common.job.ids import JobId, new_job_id
from common.job.model import DEFAULT_TENANT, JobRequest
from common.job.priority import Priority
from common.job.states import JobState
from common.store import jobs
from common.store.events import StateChanged, events_of
from support.waiting import wait_until
from support.workers import working

QUEUE = "default"


def submit(
    broker: JobBroker,
    actor: dramatiq.Actor[[], None],
    priority: Priority,
    count: int,
    tenant: str = DEFAULT_TENANT,
) -> set[JobId]:
    """Submit jobs in one script, hence at one moment."""
    requests = [
        JobRequest(
            new_job_id(QUEUE), QUEUE, "work", actor.message().encode(), priority=priority, tenant=tenant
        )
        for _ in range(count)
    ]
    broker.runner.run(jobs.submit(broker.queues[QUEUE], requests))
    return {request.job_id for request in requests}


def test_twenty_critical_jobs_start_before_any_of_five_thousand_low_ones(client: redis.Redis) -> None:
    broker = JobBroker(client, namespace="urgent")

    @dramatiq.actor(broker=broker)
    def work() -> None:
        time.sleep(0.002)

    for _ in range(10):
        submit(broker, work, Priority.LOW, 500)
    with working(broker, threads=4):
        wait_until(lambda: len(started(broker)) >= 100)
        critical = submit(broker, work, Priority.CRITICAL, 20)
        wait_until(lambda: critical <= set(started(broker)))
        seen = history(broker)
    accepted = max(place for place, event in enumerate(seen) if event.job_id in critical and is_new(event))
    starts = [event.job_id for event in seen[accepted:] if event.state is JobState.RUNNING]
    # Every start after they were accepted is one of theirs, until the last of them has started.
    assert set(starts[:20]) == critical


def test_no_job_of_a_flood_starts_between_another_tenants_submit_and_start(client: redis.Redis) -> None:
    """So a single job waits for a free thread, however long the line is: for less than one job's length."""
    brokers = [JobBroker(client, namespace="flood") for _ in range(2)]

    def work() -> None:
        time.sleep(0.01)

    actor, _ = (dramatiq.actor(broker=broker)(work) for broker in brokers)
    for _ in range(6):
        submit(brokers[0], actor, Priority.NORMAL, 500, "flood")
    singles: list[JobId] = []

    def all_started() -> bool:
        return set(singles) <= set(started(brokers[0]))

    with working(brokers[0], threads=2), working(brokers[1], threads=2):
        wait_until(lambda: len(started(brokers[0])) >= 50)
        for _ in range(20):
            singles += submit(brokers[0], actor, Priority.NORMAL, 1, "single")
            wait_until(all_started)
        seen = history(brokers[0])
    # The flood lasted until the end.
    assert sum(event.state is JobState.RUNNING for event in seen) < 3_000
    for single in singles:
        sent, start, *_ = (place for place, event in enumerate(seen) if event.job_id == single)
        between = [event for event in seen[sent:start] if event.state is JobState.RUNNING]
        assert between == []


def is_new(event: StateChanged) -> bool:
    return event.state is JobState.PENDING and event.attempt == 0


def history(broker: JobBroker) -> list[StateChanged]:
    entries: Any = broker.client.xrange(broker.queues[QUEUE].events)
    told = (event for _, entry in entries for event in events_of(entry))
    return [event for event in told if isinstance(event, StateChanged)]


def started(broker: JobBroker) -> list[JobId]:
    return [event.job_id for event in history(broker) if event.state is JobState.RUNNING]
