"""Urgent jobs behind thousands of patient ones, on a busy worker. The event stream is the witness."""

from __future__ import annotations

import time
from typing import Any

import dramatiq
import redis

from common.broker import JobBroker
from common.job.ids import JobId, new_job_id
from common.job.model import JobRequest
from common.job.priority import Priority
from common.job.states import JobState
from common.store import jobs
from common.store.events import StateChanged, events_of
from support.waiting import wait_until
from support.workers import working

QUEUE = "default"


def submit(broker: JobBroker, actor: dramatiq.Actor[[], None], priority: Priority, count: int) -> set[JobId]:
    """Submit jobs in one script, hence at one moment."""
    requests = [
        JobRequest(new_job_id(QUEUE), QUEUE, "work", actor.message().encode(), priority=priority)
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


def is_new(event: StateChanged) -> bool:
    return event.state is JobState.PENDING and event.attempt == 0


def history(broker: JobBroker) -> list[StateChanged]:
    entries: Any = broker.client.xrange(broker.queues[QUEUE].events)
    told = (event for _, entry in entries for event in events_of(entry))
    return [event for event in told if isinstance(event, StateChanged)]


def started(broker: JobBroker) -> list[JobId]:
    return [event.job_id for event in history(broker) if event.state is JobState.RUNNING]
