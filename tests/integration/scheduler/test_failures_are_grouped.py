"""ListFailureGroups over a real port and a real store."""

from __future__ import annotations

import pytest
import redis

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from common.job.model import ErrorClass, JobError
from common.job.outcome import Fail
from support.scheduler import BareWorker, Served, credentials, generic, reflection, refusal, serving


async def _groups(served: Served, **fields: object) -> list[pb.FailureGroup]:
    response = await served.jobs.ListFailureGroups(pb.ListFailureGroupsRequest(**fields))  # type: ignore[arg-type]
    return list(response.groups)


async def _fail(served: Served, worker: BareWorker, actor: str, reason: str, kind: ErrorClass) -> str:
    job = await served.create(generic(actor))
    lease = worker.fetch()
    error = JobError(kind, reason, f"{reason} of {job.job_id}", "look at the disk", lease.attempt, 1)
    worker.finish(lease, Fail(error))
    return job.job_id


async def test_failures_are_counted_by_what_went_wrong(
    scheduler: Served, worker: BareWorker, client: redis.Redis
) -> None:
    # Given failures of three kinds, and jobs that did not fail
    disk = [await _fail(scheduler, worker, "save", "DISK_FULL", ErrorClass.TRANSIENT) for _ in range(7)]
    await _fail(scheduler, worker, "load", "DISK_FULL", ErrorClass.TRANSIENT)
    await scheduler.create(reflection())
    other = BareWorker(client, "ai_analysis")
    other.fail(other.fetch())
    await scheduler.create(generic("save"))
    worker.succeed(worker.fetch())

    groups = await _groups(scheduler)

    assert sorted((group.actor, group.reason, group.job_count) for group in groups) == [
        ("load", "DISK_FULL", 1),
        ("reflection_processing", "BROKEN", 1),
        ("save", "DISK_FULL", 7),
    ]
    largest = groups[0]
    assert largest.job_count == 7
    assert largest.error_class == pb.JobError.TRANSIENT
    assert (largest.queue, largest.type) == ("data_processing", pb.Job.GENERIC)
    assert list(largest.sample_job_ids) == disk[:1:-1]
    assert largest.message == f"DISK_FULL of {disk[-1]}"
    assert largest.suggestion == "look at the disk"
    assert 0 < largest.first_time.ToMilliseconds() <= largest.last_time.ToMilliseconds()
    assert len({group.fingerprint for group in groups}) == 3


async def test_a_groups_filter_selects_its_jobs(scheduler: Served, worker: BareWorker) -> None:
    jobs = {await _fail(scheduler, worker, "save", "DISK_FULL", ErrorClass.TRANSIENT) for _ in range(2)}
    await _fail(scheduler, worker, "save", "DISK_GONE", ErrorClass.TRANSIENT)
    await _fail(scheduler, worker, "save", "DISK_FULL", ErrorClass.BUG)

    [group] = [group for group in await _groups(scheduler, filter="actor = save") if group.job_count == 2]
    listed = await scheduler.jobs.ListJobs(pb.ListJobsRequest(filter=group.filter))
    retried = [
        message
        async for message in scheduler.jobs.BulkRetryJobs(pb.BulkRetryJobsRequest(filter=group.filter))
    ]

    assert {job.job_id for job in listed.jobs} == jobs
    assert retried[-1].done_count == 2
    assert sum(group.job_count for group in await _groups(scheduler)) == 2


async def test_a_filter_limits_what_is_counted(scheduler: Served, worker: BareWorker) -> None:
    for actor in ("save", "load"):
        await _fail(scheduler, worker, actor, "DISK_FULL", ErrorClass.TRANSIENT)

    assert [group.actor for group in await _groups(scheduler, filter="actor = load OR actor = move")] == [
        "load"
    ]
    assert await _groups(scheduler, filter="state = SUCCEEDED") == []


async def test_pages_go_through_all_groups(scheduler: Served, worker: BareWorker) -> None:
    for i in range(7):
        for _ in range(i % 3 + 1):
            await _fail(scheduler, worker, f"actor{i}", "BROKEN", ErrorClass.BUG)
    whole = await _groups(scheduler)

    paged: list[pb.FailureGroup] = []
    token = ""
    while True:
        request = pb.ListFailureGroupsRequest(page_size=2, page_token=token)
        response = await scheduler.jobs.ListFailureGroups(request)
        paged += response.groups
        token = response.next_page_token
        if not token:
            break

    assert paged == whole
    assert response.scanned_count >= 13
    assert not response.scan_limited


@pytest.mark.parametrize("field", ["page_token", "filter"])
async def test_a_bad_request_is_refused(scheduler: Served, field: str) -> None:
    request = pb.ListFailureGroupsRequest(**{field: "nonsense"})  # type: ignore[arg-type]

    assert (await refusal(scheduler.jobs.ListFailureGroups(request))).fields == [field]


async def test_failures_of_another_tenant_are_not_counted(valkey: str, client: redis.Redis) -> None:
    async with serving(valkey, auth=True) as served:
        await served.jobs.CreateJob(generic(), metadata=credentials("south", Role.SUBMITTER))
        worker = BareWorker(client)
        worker.fail(worker.fetch())

        listed = await served.jobs.ListFailureGroups(
            pb.ListFailureGroupsRequest(), metadata=credentials("north", Role.VIEWER)
        )

    assert not listed.groups
