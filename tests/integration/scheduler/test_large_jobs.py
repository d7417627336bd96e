"""Jobs with large specs, over a real port and a real store."""

from __future__ import annotations

import grpc
import pytest
import redis

from bothsides.jobs import v1 as pb
from common.store.packing import MESSAGE_BYTES
from support.scheduler import BareWorker, Refusal, Served, generic, refusal

TEXT = "What was said. " * 14_000


def large(text: str = TEXT, actor: str = "work") -> pb.CreateJobRequest:
    request = generic(actor)
    request.job.spec.generic.kwargs.update({"text": text})
    return request


def shared(client: redis.Redis) -> int:
    return len(client.keys("*:blob:*"))


async def _read(scheduler: Served, job: pb.Job) -> pb.Job:
    return await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=job.job_id, view=pb.JOB_VIEW_FULL))


async def test_a_large_spec_is_read_and_run_as_it_was_created(scheduler: Served, worker: BareWorker) -> None:
    created = await scheduler.create(large())

    assert (await _read(scheduler, created)).spec.generic.kwargs["text"] == TEXT
    assert worker.message(worker.fetch()).kwargs == {"text": TEXT}


async def test_many_jobs_share_one_content(scheduler: Served, client: redis.Redis) -> None:
    before = client.info("memory")["used_memory"]
    requests = [large() for _ in range(60)]
    response = await scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=requests))

    assert all(item.HasField("job") for item in response.items)
    assert shared(client) == 1
    assert client.info("memory")["used_memory"] - before < len(TEXT)


async def test_content_goes_with_its_job(scheduler: Served, client: redis.Redis) -> None:
    created = await scheduler.create(large())
    await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=created.job_id))
    assert shared(client) == 1

    await scheduler.jobs.DeleteJob(pb.DeleteJobRequest(job_id=created.job_id))

    assert shared(client) == 0


async def test_a_retry_may_bring_a_large_spec(scheduler: Served, worker: BareWorker) -> None:
    created = await scheduler.create(large("short"))
    worker.fail(worker.fetch())

    spec = large().job.spec
    await scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=created.job_id, spec=spec))

    assert worker.message(worker.fetch()).kwargs == {"text": TEXT}
    assert (await _read(scheduler, created)).spec.generic.kwargs["text"] == TEXT


def _assert_is_too_large(refused: Refusal, field: str) -> None:
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
    assert f"at most {MESSAGE_BYTES:,}" in str(refused.status.details[1])


@pytest.mark.parametrize("validate_only", [False, True])
async def test_a_spec_over_8_mib_is_refused_by_its_field(scheduler: Served, validate_only: bool) -> None:
    request = large("x" * MESSAGE_BYTES)
    request.validate_only = validate_only

    _assert_is_too_large(await refusal(scheduler.create(request)), "job.spec")


async def test_a_retry_with_a_spec_over_8_mib_is_refused_by_its_field(
    scheduler: Served, worker: BareWorker
) -> None:
    created = await scheduler.create(large("short"))
    worker.fail(worker.fetch())
    request = pb.RetryJobRequest(job_id=created.job_id, spec=large("x" * MESSAGE_BYTES).job.spec)

    _assert_is_too_large(await refusal(scheduler.jobs.RetryJob(request)), "spec")
    assert (await _read(scheduler, created)).state == pb.Job.FAILED


async def test_of_many_jobs_only_those_too_large_are_refused(scheduler: Served) -> None:
    requests = [large(), large("x" * MESSAGE_BYTES), large()]
    response = await scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=requests))

    assert [item.HasField("job") for item in response.items] == [True, False, True]
