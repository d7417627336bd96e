"""validate_only says what a job would cost, and when it would start."""

from __future__ import annotations

import dataclasses

import pytest
import redis

from bothsides.jobs import v1 as pb
from common.job.model import PaidUsage, Usage
from common.job.outcome import Succeed
from common.store import jobs
from scheduler.estimating import CostEstimate, cost_of
from support.scheduler import BareWorker, Served, generic, reflection

QUEUE = "ai_analysis"


@pytest.fixture
def worker(client: redis.Redis) -> BareWorker:
    return BareWorker(client, QUEUE)


async def estimate(scheduler: Served, request: pb.CreateJobRequest) -> pb.JobEstimate:
    request.validate_only = True
    return (await scheduler.jobs.CreateJob(request)).estimate


async def paid_for(scheduler: Served, worker: BareWorker, paid: PaidUsage | None) -> None:
    await scheduler.jobs.CreateJob(reflection())
    lease = worker.fetch()
    ending = jobs.Ending(lease.member, Succeed(), Usage(1, None, paid))
    worker.run(jobs.finish(worker.keys, [ending]))


async def test_costs_are_those_of_jobs_like_it(scheduler: Served, worker: BareWorker) -> None:
    for cost in (10, 40, 30):
        await paid_for(scheduler, worker, PaidUsage(1, 0, cost * 100, 0, cost, cost))
    await paid_for(scheduler, worker, None)

    told = await estimate(scheduler, reflection())

    assert (told.sample_count, told.cost_micro_usd_p50, told.cost_micro_usd_max) == (3, 30, 40)
    assert (told.input_tokens_p50, told.output_tokens_p50) == (3_000, 30)


async def test_without_jobs_like_it_nothing_is_said_of_costs(scheduler: Served, worker: BareWorker) -> None:
    await paid_for(scheduler, worker, PaidUsage(1, 0, 1, 0, 1, 1))
    assert (await estimate(scheduler, generic())).sample_count == 0


async def test_a_start_is_estimated_where_workers_are(scheduler: Served, worker: BareWorker) -> None:
    assert not (await estimate(scheduler, reflection())).HasField("start_time_p50")
    worker.report_in(slots=2)
    told = await estimate(scheduler, reflection())
    assert told.start_time_p50 == told.start_time_p90
    await scheduler.jobs.CreateJob(reflection())
    await scheduler.queues.PauseQueue(pb.PauseQueueRequest(name=QUEUE))
    assert not (await estimate(scheduler, reflection())).HasField("start_time_p50")


def test_answers_that_were_there_count_as_if_they_were_paid_for() -> None:
    paid = PaidUsage(1, 1, 100, 0, 10, 40, 20)
    assert cost_of([paid]) == CostEstimate(1, 60, 60, 100, 10)
    whole = PaidUsage(2, 0, 300, 0, 30, 50)
    assert cost_of([paid, whole]) == CostEstimate(2, 55, 60, 300, 30)
    failed = dataclasses.replace(whole, wasted_micro_usd=30)
    assert cost_of([failed]).cost_max == 20
    assert cost_of([]) == CostEstimate()
