"""What becomes of a job whose unique key is taken, over a real port and a real store."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from support.rpc import detail
from support.scheduler import BareWorker, Served, credentials, generic, reflection, refusal, serving

R = pb.CreateJobRequest
FAR = Timestamp(seconds=4_000_000_000)


def _request(policy: R.DuplicatePolicy.ValueType, key: str = "k", actor: str = "work") -> R:
    request = generic(actor, unique_key=key)
    request.duplicate_policy = policy
    return request


async def _state(scheduler: Served, job: pb.Job) -> pb.Job.State.ValueType:
    return (await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=job.job_id))).state


async def _limit(scheduler: Served, queue: str, *, max_depth: int | None) -> None:
    request = pb.UpdateQueueRequest(queue=pb.Queue(name=queue, max_depth=max_depth))
    request.update_mask.paths.append("max_depth")
    await scheduler.queues.UpdateQueue(request)


async def test_a_job_says_its_key(scheduler: Served) -> None:
    created = await scheduler.create(_request(R.REJECT))

    read = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=created.job_id))

    assert read == created
    assert read.unique_key == "k"


@pytest.mark.parametrize("policy", [R.RUN, R.DUPLICATE_POLICY_UNSPECIFIED])
async def test_run_accepts_both(scheduler: Served, policy: R.DuplicatePolicy.ValueType) -> None:
    first, second = await scheduler.create(_request(policy)), await scheduler.create(_request(policy))

    assert first.job_id != second.job_id
    assert await _state(scheduler, first) == pb.Job.PENDING


async def test_use_existing_returns_the_job_that_is_there(scheduler: Served, worker: BareWorker) -> None:
    first = await scheduler.create(_request(R.RUN, actor="first"))
    worker.fetch()

    second = await scheduler.create(_request(R.USE_EXISTING, actor="second"))

    assert (second.job_id, second.actor, second.state) == (first.job_id, "first", pb.Job.RUNNING)


async def test_reject_names_the_job_that_is_there(scheduler: Served) -> None:
    first = await scheduler.create(_request(R.RUN))

    refused = await refusal(scheduler.create(_request(R.REJECT)))

    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "DUPLICATE_JOB")
    assert refused.metadata == {"job_id": first.job_id}
    assert detail(refused.status, error_details_pb2.ResourceInfo).resource_name == first.job_id


async def test_replace_cancels_the_job_that_waits(scheduler: Served) -> None:
    first = await scheduler.create(_request(R.RUN))

    second = await scheduler.create(_request(R.REPLACE))

    assert await _state(scheduler, first) == pb.Job.CANCELLED
    assert await _state(scheduler, second) == pb.Job.PENDING


async def test_replace_lets_the_job_go_on_that_runs(scheduler: Served, worker: BareWorker) -> None:
    first = await scheduler.create(_request(R.RUN))
    worker.fetch()

    second = await scheduler.create(_request(R.REPLACE))

    assert await _state(scheduler, first) == pb.Job.RUNNING
    assert await _state(scheduler, second) == pb.Job.PENDING


async def test_a_full_queue_takes_what_replaces_a_job_that_waits(scheduler: Served) -> None:
    first = await scheduler.create(_request(R.RUN))
    await _limit(scheduler, first.queue, max_depth=1)

    second = await scheduler.create(_request(R.REPLACE))

    assert await _state(scheduler, first) == pb.Job.CANCELLED
    assert await _state(scheduler, second) == pb.Job.PENDING


async def test_what_is_refused_replaces_nothing(scheduler: Served) -> None:
    first = await scheduler.create(_request(R.RUN))
    await scheduler.create()
    await _limit(scheduler, first.queue, max_depth=1)
    full = await refusal(scheduler.create(_request(R.REPLACE)))
    await _limit(scheduler, first.queue, max_depth=None)
    await scheduler.queues.DrainQueue(pb.DrainQueueRequest(name=first.queue))
    draining = await refusal(scheduler.create(_request(R.REPLACE)))

    assert (full.reason, draining.reason) == ("QUEUE_FULL", "QUEUE_DRAINING")
    assert await _state(scheduler, first) == pb.Job.PENDING


@pytest.mark.parametrize("policy", [R.USE_EXISTING, R.REJECT, R.REPLACE])
async def test_a_final_job_is_in_nobodys_way(
    scheduler: Served, worker: BareWorker, policy: R.DuplicatePolicy.ValueType
) -> None:
    first = await scheduler.create(_request(policy))
    worker.succeed(worker.fetch())

    second = await scheduler.create(_request(policy))

    assert second.job_id != first.job_id
    assert await _state(scheduler, first) == pb.Job.SUCCEEDED


async def test_keys_of_other_queues_and_tenants_are_other_keys(valkey: str) -> None:
    made = []
    async with serving(valkey, auth=True) as served:
        for tenant in ("a", "b"):
            own = credentials(tenant, Role.SUBMITTER)
            made.append(await served.jobs.CreateJob(_request(R.REJECT), metadata=own))
            other_queue = reflection(unique_key="k")
            other_queue.duplicate_policy = R.REJECT
            made.append(await served.jobs.CreateJob(other_queue, metadata=own))
    assert len({job.job_id for job in made}) == 4
    assert len({(job.tenant, job.queue) for job in made}) == 4


async def test_of_many_at_once_one_is_accepted(scheduler: Served) -> None:
    responses = await asyncio.gather(
        *(
            scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=[_request(R.REJECT)] * 5))
            for _ in range(8)
        )
    )

    items = [item for response in responses for item in response.items]
    assert sum(item.HasField("job") for item in items) == 1
    assert len(items) == 40


async def test_many_at_once_get_the_same_job(scheduler: Served) -> None:
    response = await scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=[_request(R.USE_EXISTING)] * 50))

    assert len({item.job.job_id for item in response.items}) == 1


async def test_a_repeated_request_gets_its_first_answer_before_its_key_is_looked_at(
    scheduler: Served,
) -> None:
    request = _request(R.REJECT)
    request.request_id = "r1"

    first, again = await scheduler.create(request), await scheduler.create(request)

    assert first.job_id == again.job_id


@pytest.mark.parametrize("key", ["with space", "new\nline", "tab\t", "ü", "x" * 201])
async def test_a_key_of_other_characters_is_refused(scheduler: Served, key: str) -> None:
    refused = await refusal(scheduler.create(_request(R.RUN, key)))

    assert refused.fields == ["job.unique_key"]


@pytest.mark.parametrize(
    ("policy", "reason"),
    [(R.RUN, "QUEUE_FULL"), (R.REJECT, "DUPLICATE_JOB"), (R.USE_EXISTING, ""), (R.REPLACE, "")],
)
async def test_validate_only_says_what_would_become_of_it_in_a_full_queue(
    scheduler: Served, policy: R.DuplicatePolicy.ValueType, reason: str
) -> None:
    """And asking again without it shows that it was so."""
    held = await scheduler.create(_request(R.RUN))
    await _limit(scheduler, held.queue, max_depth=1)
    request, judged = _request(policy, actor="other"), _request(policy, actor="other")
    judged.validate_only = True

    for asked in (judged, request):
        if reason:
            assert (await refusal(scheduler.create(asked))).reason == reason
        else:
            await scheduler.create(asked)
        if asked is judged:
            assert await _state(scheduler, held) == pb.Job.PENDING


async def test_validate_only_says_that_a_queue_is_drained(scheduler: Served) -> None:
    held = await scheduler.create(_request(R.RUN))
    await scheduler.queues.DrainQueue(pb.DrainQueueRequest(name=held.queue))
    judged, others = _request(R.RUN), _request(R.USE_EXISTING)
    judged.validate_only = others.validate_only = True

    assert (await refusal(scheduler.create(judged))).reason == "QUEUE_DRAINING"
    assert (await scheduler.create(others)).job_id == ""


@pytest.mark.parametrize("policy", [R.USE_EXISTING, R.REJECT, R.REPLACE])
async def test_a_policy_without_a_key_is_refused(
    scheduler: Served, policy: R.DuplicatePolicy.ValueType
) -> None:
    """It would guard against nothing, and whoever set it believes that it does."""
    refused = await refusal(scheduler.create(_request(policy, key="")))

    assert (refused.reason, refused.fields) == ("FIELD_INVALID", ["job.unique_key"])


async def test_a_policy_that_is_unknown_is_refused(scheduler: Served) -> None:
    refused = await refusal(scheduler.create(_request(77)))  # type: ignore[arg-type]

    assert refused.fields == ["duplicate_policy"]
