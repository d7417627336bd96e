"""ExplainJob over a real port and a real store: each thing that can be in a job's way, by name."""

from __future__ import annotations

import threading
from functools import partial

import dramatiq
import grpc
import pytest
import redis
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from common.broker import JobBroker
from common.job.model import ErrorClass, JobError
from common.job.outcome import Release, Retry
from support.scheduler import BareWorker, Served, credentials, generic, refusal, serving
from support.waiting import wait_until_async
from support.workers import working

QUEUE = "data_processing"
FAR = Timestamp(seconds=4_000_000_000)
B = pb.Blocker


async def _explained(scheduler: Served, job: pb.Job) -> pb.ExplainJobResponse:
    return await scheduler.jobs.ExplainJob(pb.ExplainJobRequest(job_id=job.job_id))


async def _kinds(scheduler: Served, job: pb.Job) -> list[str]:
    return [B.Kind.Name(blocker.kind) for blocker in (await _explained(scheduler, job)).blockers]


async def _limit(scheduler: Served, **limits: object) -> None:
    queue = pb.Queue(name=QUEUE, **limits)  # type: ignore[arg-type]
    await scheduler.queues.UpdateQueue(pb.UpdateQueueRequest(queue=queue, allow_missing=True))


async def test_nothing_is_in_the_way_of_a_job_that_may_start_at_once(
    scheduler: Served, worker: BareWorker
) -> None:
    worker.report_in(slots=2)
    job = await scheduler.create()

    explained = await _explained(scheduler, job)

    assert explained.state == pb.Job.PENDING
    assert not explained.blockers
    assert explained.jobs_ahead_count == 0
    assert explained.estimated_start_p50 == explained.evaluate_time
    assert explained.estimated_start_p90 == explained.evaluate_time


async def test_a_queue_without_workers_is_named_and_nothing_is_estimated(scheduler: Served) -> None:
    await scheduler.create()
    second = await scheduler.create()

    explained = await _explained(scheduler, second)

    assert [blocker.kind for blocker in explained.blockers] == [B.NO_WORKERS, B.AHEAD_IN_QUEUE]
    assert QUEUE in explained.blockers[0].detail
    assert explained.blockers[1].value == 1
    assert explained.jobs_ahead_count == 1
    assert not explained.HasField("estimated_start_p50")
    assert not explained.HasField("estimated_start_p90")


async def test_a_worker_of_another_queue_is_none(scheduler: Served, client: redis.Redis) -> None:
    BareWorker(client, "exports").report_in(slots=4)

    assert await _kinds(scheduler, await scheduler.create()) == ["NO_WORKERS"]


async def test_workers_without_a_free_slot_are_named(scheduler: Served, worker: BareWorker) -> None:
    worker.report_in(slots=2, running=2)

    explained = await _explained(scheduler, await scheduler.create())

    [busy] = explained.blockers
    assert (busy.kind, busy.value, busy.limit) == (B.WORKERS_BUSY, 2, 2)
    assert not explained.HasField("estimated_start_p50")  # nothing has started yet: there is no pace


async def test_a_plain_broker_is_a_worker_and_its_limit_of_a_queue_is_named(
    scheduler: Served, client: redis.Redis
) -> None:
    """With threads to spare, a worker runs no more jobs of one queue than it was set to."""
    broker = JobBroker(client, concurrency={QUEUE: 1})
    held = threading.Event()

    @dramatiq.actor(broker=broker, queue_name=QUEUE, actor_name="nap")
    def nap() -> None:
        held.wait(30)

    asleep = pb.JobSpec(generic=pb.GenericSpec(actor="nap"))
    with working(broker, threads=4):
        first = await scheduler.create(pb.CreateJobRequest(job=pb.Job(spec=asleep)))
        await wait_until_async(partial(_is, scheduler, first, pb.Job.RUNNING))
        await wait_until_async(partial(_has_workers, scheduler, 1))
        second = await scheduler.create(pb.CreateJobRequest(job=pb.Job(spec=asleep)))

        [limit] = (await _explained(scheduler, second)).blockers
        held.set()

    assert (limit.kind, limit.value, limit.limit) == (B.WORKER_CONCURRENCY, 1, 1)
    assert "worker_concurrency" in limit.detail
    assert await _has_workers(scheduler, 0)


async def _has_workers(scheduler: Served, count: int) -> bool:
    queue = await scheduler.queues.GetQueue(pb.GetQueueRequest(name=QUEUE))
    return queue.worker_count == count


async def _is(scheduler: Served, job: pb.Job, state: pb.Job.State.ValueType) -> bool:
    found = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=job.job_id))
    return found.state == state


async def test_a_pace_gives_an_estimate(scheduler: Served, worker: BareWorker) -> None:
    for _ in range(30):
        await scheduler.create()
    for lease in worker.fetch_up_to(20):
        worker.succeed(lease)
    worker.report_in(slots=1, running=1)
    last = await scheduler.create()

    explained = await _explained(scheduler, last)

    now, p50, p90 = (
        instant.ToMilliseconds()
        for instant in (explained.evaluate_time, explained.estimated_start_p50, explained.estimated_start_p90)
    )
    assert explained.jobs_ahead_count == 10
    assert now < p50 < p90


async def test_the_time_of_a_scheduled_job_is_in_its_way(scheduler: Served, worker: BareWorker) -> None:
    worker.report_in()

    explained = await _explained(scheduler, await scheduler.create(generic(schedule_time=FAR)))

    [blocker] = explained.blockers
    assert (explained.state, blocker.kind, blocker.clear_time) == (pb.Job.SCHEDULED, B.RUN_TIME, FAR)
    assert not blocker.HasField("value")
    assert explained.estimated_start_p50 == FAR


async def test_a_pause_after_a_failure_is_in_the_way_of_the_next_attempt(
    scheduler: Served, worker: BareWorker
) -> None:
    worker.report_in()
    job = await scheduler.create()
    worker.finish(worker.fetch(), Retry(JobError(ErrorClass.TRANSIENT, "NET"), delay_ms=60_000))

    explained = await _explained(scheduler, job)

    [blocker] = explained.blockers
    assert (explained.state, blocker.kind) == (pb.Job.RETRYING, B.BACKOFF)
    assert blocker.clear_time.ToMilliseconds() > explained.evaluate_time.ToMilliseconds()


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("SOURCE_NOT_READY", B.SNOOZED),
        ("CIRCUIT_OPEN", B.CIRCUIT),
        ("QUOTA_EXHAUSTED", B.CIRCUIT),
        ("TOKEN_LIMIT", B.PROVIDER_LIMIT),
        ("DAY_BUDGET_SPENT", B.BUDGET),
    ],
)
async def test_a_snoozed_job_says_why(
    scheduler: Served, worker: BareWorker, reason: str, kind: pb.Blocker.Kind.ValueType
) -> None:
    worker.report_in()
    job = await scheduler.create()
    worker.finish(worker.fetch(), Release(60_000, reason))

    [blocker] = (await _explained(scheduler, job)).blockers
    read = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=job.job_id))

    assert blocker.kind == kind
    assert reason in blocker.detail
    assert not blocker.HasField("value")
    assert read.wait_reason == kind


async def test_a_job_whose_actor_nobody_knows_says_what_to_do_and_no_time(
    scheduler: Served, worker: BareWorker
) -> None:
    worker.report_in()
    job = await scheduler.create()
    worker.finish(worker.fetch(), Release(60_000, "UNKNOWN_ACTOR"))

    explained = await _explained(scheduler, job)

    [blocker] = explained.blockers
    assert "UNKNOWN_ACTOR, the workers that took it do not know its actor; start one" in blocker.detail
    assert blocker.HasField("clear_time")
    assert not explained.HasField("estimated_start_p50")


async def test_the_retry_budget_is_in_the_way_of_retries(scheduler: Served, worker: BareWorker) -> None:
    worker.report_in(slots=5)
    await _limit(scheduler, retry_budget=pb.RetryBudget(ratio=0.001, min_per_minute=1))
    created = [await scheduler.create() for _ in range(3)]
    again = Retry(JobError(ErrorClass.TRANSIENT, "NET"), delay_ms=0)
    for lease in worker.fetch_up_to(3):
        worker.finish(lease, again)
    started = {lease.job_id for lease in worker.fetch_up_to(3)}
    [held] = [job for job in created if job.job_id not in started]

    [blocker] = (await _explained(scheduler, held)).blockers

    assert (blocker.kind, blocker.value, blocker.limit) == (B.RETRY_BUDGET, 2, 2)
    assert blocker.HasField("clear_time")


async def test_a_job_that_lost_its_workers_is_suspect(scheduler: Served, worker: BareWorker) -> None:
    worker.report_in()
    job = await scheduler.create()

    async def lost(times: int) -> bool:
        worker.fetch_up_to(1, lease_ms=1)
        return (await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=job.job_id))).lost_count >= times

    await wait_until_async(partial(lost, 2))
    [blocker] = (await _explained(scheduler, job)).blockers
    read = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=job.job_id))

    assert blocker.kind == B.SUSPECT
    assert "alone" in blocker.detail
    assert read.wait_reason == B.SUSPECT


async def test_a_pause_of_the_queue_comes_before_its_missing_workers(scheduler: Served) -> None:
    job = await scheduler.create()
    await scheduler.queues.PauseQueue(pb.PauseQueueRequest(name=QUEUE, resume_time=FAR))

    blockers = (await _explained(scheduler, job)).blockers

    assert [blocker.kind for blocker in blockers] == [B.PAUSED, B.NO_WORKERS]
    assert blockers[0].clear_time == FAR


async def test_a_pause_without_end_leaves_nothing_to_estimate(scheduler: Served, worker: BareWorker) -> None:
    worker.report_in(slots=5)
    job = await scheduler.create()
    await scheduler.queues.PauseQueue(pb.PauseQueueRequest(name=QUEUE))

    explained = await _explained(scheduler, job)

    assert [blocker.kind for blocker in explained.blockers] == [B.PAUSED]
    assert not explained.HasField("estimated_start_p50")


async def test_limits_are_named_with_what_they_count(scheduler: Served, worker: BareWorker) -> None:
    worker.report_in(slots=5)
    window = pb.StartWindow(max_starts=2, period=Duration(seconds=60))
    own = pb.TenantLimits(concurrency=1, window=window)
    await _limit(scheduler, concurrency=1, window=window, tenant_limits={"default": own})
    job, _ = await scheduler.create(), await scheduler.create()
    worker.succeed(worker.fetch())
    worker.fetch()
    job = await scheduler.create()

    explained = await _explained(scheduler, job)

    found = {B.Kind.Name(blocker.kind): blocker for blocker in explained.blockers}
    assert list(found) == ["CONCURRENCY", "WINDOW", "TENANT_CONCURRENCY", "TENANT_WINDOW"]
    assert {(blocker.value, blocker.limit) for blocker in found.values()} == {(1, 1), (2, 2)}
    assert found["WINDOW"].HasField("clear_time")
    assert not found["CONCURRENCY"].HasField("clear_time")
    assert all(blocker.detail for blocker in found.values())


async def test_a_ramp_is_named_with_its_next_step(scheduler: Served, worker: BareWorker) -> None:
    worker.report_in(slots=10)
    await scheduler.create()
    await scheduler.queues.ResumeQueue(
        pb.ResumeQueueRequest(name=QUEUE, ramp_duration=Duration(seconds=86_400))
    )
    worker.fetch()

    [blocker] = (await _explained(scheduler, await scheduler.create())).blockers

    assert (blocker.kind, blocker.value, blocker.limit) == (B.RAMP, 1, 1)
    assert blocker.HasField("clear_time")


async def test_the_explanation_goes_by_what_fetch_goes_by(scheduler: Served, worker: BareWorker) -> None:
    """As long as a limit is named, a fetch starts nothing; when nothing is, it does."""
    worker.report_in(slots=5)
    await _limit(scheduler, concurrency=1)
    first, second = await scheduler.create(), await scheduler.create()
    lease = worker.fetch()

    assert await _kinds(scheduler, second) == ["CONCURRENCY"]
    assert worker.fetch_up_to(1) == []
    worker.succeed(lease)
    assert await _kinds(scheduler, second) == []
    assert [lease.job_id for lease in worker.fetch_up_to(1)] == [second.job_id]
    assert await _kinds(scheduler, first) == []


async def test_a_job_that_does_not_wait_has_no_blockers(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    lease = worker.fetch()

    running = await _explained(scheduler, job)
    worker.succeed(lease)
    ended = await _explained(scheduler, job)

    assert (running.state, ended.state) == (pb.Job.RUNNING, pb.Job.SUCCEEDED)
    assert not running.blockers
    assert not ended.blockers
    assert not running.HasField("estimated_start_p50")


async def test_another_tenants_job_is_not_explained(valkey: str) -> None:
    async with serving(valkey, auth=True) as served:
        job = await served.jobs.CreateJob(generic(), metadata=credentials("a", Role.SUBMITTER))
        request = pb.ExplainJobRequest(job_id=job.job_id)

        refused = await refusal(served.jobs.ExplainJob(request, metadata=credentials("b", Role.ADMIN)))

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND")


async def test_other_tenants_turns_are_counted(valkey: str, client: redis.Redis) -> None:
    worker = BareWorker(client)
    async with serving(valkey, auth=True) as served:
        for tenant in ("a", "b"):
            await served.jobs.CreateJob(generic(), metadata=credentials(tenant, Role.SUBMITTER))
        own = credentials("c", Role.SUBMITTER)
        worker.report_in(slots=5)
        job = await served.jobs.CreateJob(generic(), metadata=own)

        explained = await served.jobs.ExplainJob(pb.ExplainJobRequest(job_id=job.job_id), metadata=own)

    [blocker] = explained.blockers
    assert (blocker.kind, blocker.value) == (B.TENANT_SHARE, 2)
    assert explained.jobs_ahead_count == 0
