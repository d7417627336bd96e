"""Whatever a well-formed request holds, it is answered or refused for a stated reason."""

from __future__ import annotations

import random
from typing import Any

import grpc
import pytest

from bothsides.jobs import v1 as pb
from scheduler.wire.requests import INPUT_FIELDS
from support.random_messages import random_message
from support.scheduler import Served, debate, generic, refusal_in, serving

EXPECTED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
}
METHODS: dict[str, tuple[str, Any]] = {
    "CreateJob": ("jobs", pb.CreateJobRequest),
    "CreateJobs": ("jobs", pb.CreateJobsRequest),
    "GetJob": ("jobs", pb.GetJobRequest),
    "ListJobs": ("jobs", pb.ListJobsRequest),
    "WatchJob": ("jobs", pb.WatchJobRequest),
    "CancelJob": ("jobs", pb.CancelJobRequest),
    "RetryJob": ("jobs", pb.RetryJobRequest),
    "PutConversation": ("conversations", pb.PutConversationRequest),
    "GetConversation": ("conversations", pb.GetConversationRequest),
    "ListConversations": ("conversations", pb.ListConversationsRequest),
    "GetAnalysis": ("analyses", pb.GetAnalysisRequest),
    "ListAnalyses": ("analyses", pb.ListAnalysesRequest),
}
ROUNDS = 40


async def _outcome(call: Any) -> Any:
    """Return a call's response (the first one of a stream), or the error that it ended with."""
    try:
        return await (anext(aiter(call)) if hasattr(call, "__aiter__") else call)
    except grpc.aio.AioRpcError as error:
        return error


@pytest.mark.parametrize("method", METHODS)
async def test_a_random_request_never_ends_in_an_unforeseen_error(valkey: str, method: str) -> None:
    service, kind = METHODS[method]
    chance = random.Random(method)
    async with serving(valkey, heartbeat_s=0.01) as served:
        await served.conversations.PutConversation(pb.PutConversationRequest(conversation=debate("known")))
        job = await served.create(generic())
        token = (await anext(aiter(served.watch(job.job_id)))).resume_token
        call = getattr(getattr(served, service), method)

        for _ in range(ROUNDS):
            request = random_message(kind, chance, known=(job.job_id, token, "known"))
            outcome = await _outcome(call(request))
            if isinstance(outcome, grpc.aio.AioRpcError):
                assert outcome.code() in EXPECTED, (request, outcome)
                assert refusal_in(outcome).reason


@pytest.mark.parametrize("name", sorted(INPUT_FIELDS - {"spec"}))
async def test_a_job_with_one_random_field_is_stored_as_it_reads_or_refused(
    scheduler: Served, name: str
) -> None:
    chance = random.Random(name)
    for _ in range(ROUNDS):
        request = generic()
        odd = random_message(pb.Job, chance)
        request.job.MergeFrom(_only(odd, name))
        outcome = await _outcome(scheduler.create(request))
        if isinstance(outcome, grpc.aio.AioRpcError):
            assert outcome.code() is grpc.StatusCode.INVALID_ARGUMENT, (name, outcome)
            assert all(path.startswith(f"job.{name}") for path in refusal_in(outcome).fields)
        else:
            read = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=outcome.job_id))
            assert read == outcome


def _only(job: pb.Job, name: str) -> pb.Job:
    """Return a job with one field of another."""
    only = pb.Job()
    only.CopyFrom(job)
    for field, _ in job.ListFields():
        if field.name != name:
            only.ClearField(field.name)  # type: ignore[arg-type]
    return only
