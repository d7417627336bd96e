"""The store's lists and the scheduler's own judgement agree on what meets a filter."""

from __future__ import annotations

import random
from typing import Any, Final

import redis

from bothsides.jobs import v1 as pb
from common.job.model import ErrorClass, JobError
from common.job.outcome import Fail, Retry
from common.store import jobs
from common.store.keys import QueueKeys
from scheduler.filters import parse_filter
from scheduler.search import indexes_of, parts_of
from support.scheduler import BareWorker, Served, generic, reflection

COMPARISONS: Final = (
    "state = PENDING",
    "state = FAILED",
    "state != SUCCEEDED",
    "type = GENERIC",
    "type = REFLECTION_PROCESSING",
    "NOT type = GENERIC",
    "priority = HIGH",
    "actor = work",
    "actor != work",
    "conversation_id:*",
    "conversation_id = c1",
    'conversation_id = ""',
    'batch_id = ""',
    "unique_key = u1",
    "unique_key:*",
    "create_time > 2020-01-01T00:00:00Z",
    "end_time > 2020-01-01T00:00:00Z",
    "end_time <= 2020-01-01T00:00:00Z",
    "NOT end_time:*",
    "last_error.error_class = TRANSIENT",
    "last_error.reason = DISK_FULL",
    "last_error.reason:*",
    "labels.team = red",
    "labels.team != red",
    "labels.team:*",
    'labels.team = ""',
    "labels.size = 10",
)


def _random_filter(chance: random.Random, depth: int = 2) -> str:
    if depth == 0 or chance.random() < 0.3:
        return chance.choice(("", "", "-")) + chance.choice(COMPARISONS).removeprefix("NOT ")
    parts = [_random_filter(chance, depth - 1) for _ in range(chance.randint(2, 3))]
    return chance.choice(("", "NOT ")) + f"({chance.choice((' AND ', ' OR ')).join(parts)})"


async def _create(served: Served, worker: BareWorker, chance: random.Random) -> None:
    """Create a job of some kind and bring it somewhere."""
    labels: dict[str, str] = {}
    if chance.random() < 0.7:
        labels["team"] = chance.choice(("red", "blue", ""))
    if chance.random() < 0.3:
        labels["size"] = "10"
    fields: dict[str, Any] = {"labels": labels, "priority": chance.choice((pb.Job.HIGH, pb.Job.LOW))}
    if chance.random() < 0.3:
        request = reflection(**fields)
        request.job.spec.reflection_processing.conversation_id = chance.choice(("", "c1", "c2"))
        await served.create(request)
        return
    if chance.random() < 0.5:
        fields["unique_key"] = chance.choice(("u1", "u2"))
    await served.create(generic(chance.choice(("work", "other")), **fields))
    if chance.random() < 0.3:
        return
    lease = worker.fetch()
    kind = chance.choice((ErrorClass.TRANSIENT, ErrorClass.BUG))
    error = JobError(kind, chance.choice(("DISK_FULL", "a b.c-D")), attempt=lease.attempt, at_ms=1)
    match chance.randrange(4):
        case 0:
            worker.succeed(lease)
        case 1:
            worker.finish(lease, Fail(error))
        case 2:
            worker.finish(lease, Retry(error, delay_ms=0))


async def test_lists_and_watches_mean_the_same_by_a_filter(
    scheduler: Served, worker: BareWorker, client: redis.Redis
) -> None:
    chance = random.Random(11)
    for _ in range(60):
        await _create(scheduler, worker, chance)

    for queue in ("data_processing", "ai_analysis"):
        keys = QueueKeys("bothsides", queue)
        everyone = worker.run(jobs.list_jobs(keys, want=500)).jobs
        assert len(everyone) > 10
        for _ in range(300):
            text = _random_filter(chance)
            wanted = parse_filter(text).within(queue)
            listed: list[str] = []
            for part in parts_of(wanted) if parse_filter(text).allows(queue) else ():
                page = jobs.list_jobs(keys, program=part.program(), indexes=indexes_of(part), want=500)
                listed += [job.job_id for job in worker.run(page).jobs]
            expected = [job.job_id for job in everyone if parse_filter(text).matches(job)]
            assert sorted(listed, reverse=True) == expected, text
