"""A job with an odd field is stored as it reads, or refused for a stated reason."""

from __future__ import annotations

import random
from typing import Any

import grpc
import pytest

from bothsides.jobs import v1 as pb
from scheduler.wire.requests import INPUT_FIELDS
from support.random_messages import random_message
from support.scheduler import Served, generic, refusal_in

ROUNDS = 40


async def _outcome(call: Any) -> Any:
    """Return a call's response, or the error that it ended with."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        return error


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
            # Its state may have moved: a job whose expire time has passed expires at once.
            assert _only(read, name) == _only(outcome, name)
            assert read.spec == outcome.spec


def _only(job: pb.Job, name: str) -> pb.Job:
    """Return a job with one field of another."""
    only = pb.Job()
    only.CopyFrom(job)
    for field, _ in job.ListFields():
        if field.name != name:
            only.ClearField(field.name)  # type: ignore[arg-type]
    return only
