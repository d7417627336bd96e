"""What is asked for by a CreateJob, read the long way: what any shorter way is held to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from dramatiq import Message

from bothsides.jobs import v1 as pb
from common.errors import JobsError
from common.job.ids import JobId
from common.job.model import JobRequest, RetryPolicy
from common.rpc.validation import validate
from scheduler.wire.requests import Origin, request_from_pb

RETRY: Final = RetryPolicy(max_attempts=5)


def by_itself(request: pb.CreateJobRequest, origin: Origin) -> JobRequest | None:
    """Return the job that is asked for; None if it is refused."""
    try:
        validate(request)
        return request_from_pb(request, origin, RETRY)
    except JobsError:
        return None


def but_for_the_new(wanted: JobRequest) -> tuple[JobRequest, dict[str, Any]]:
    """Return a job and its message without what is new each time."""
    message = Message.decode(wanted.payload).asdict()
    assert message.pop("message_id") == wanted.job_id
    message.pop("message_timestamp")
    return replace(wanted, job_id=JobId(""), payload=b""), message
