"""A change of a job on the wire: `UpdateJobRequest` to an amendment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from bothsides.jobs import v1 as pb
from common.errors import InvalidField
from common.job.model import Job, RetryPolicy
from common.rpc.validation import validate
from scheduler.amending import Amendment, request_of
from scheduler.wire.masks import masked
from scheduler.wire.requests import PRIORITIES, duration_of, instant_of, retry_policy_from_pb

CHANGEABLE: Final = (
    "priority",
    "labels",
    "schedule_time",
    "deadline_time",
    "expire_time",
    "ttl",
    "retry_policy",
    "timeout",
)


def fields_from_pb(request: pb.UpdateJobRequest) -> list[str]:
    """Return the fields to change, after a check of all that is to be read of the request.

    Raises:
        InvalidField: A field breaks a rule, the mask names what cannot be changed, or no job is named.
    """
    if not request.job.job_id:
        raise InvalidField("job.job_id", "must name the job")
    fields = masked(request.update_mask, request.job, CHANGEABLE)
    read: Any = pb.Job()
    read.CopyFrom(request.job)
    for descriptor, _ in request.job.ListFields():
        if descriptor.name not in {"job_id", "etag", *fields}:
            read.ClearField(descriptor.name)
    # A job needs a spec; this one stands for the one that it has.
    read.spec.generic.actor = "any"
    validate(read, "job")
    return fields


def amendment_from_pb(
    request: pb.UpdateJobRequest, fields: list[str], job: Job, default_retry: RetryPolicy
) -> Amendment:
    """Return what `job` is to become; the request has been checked by fields_from_pb.

    Raises:
        InvalidField: A time or duration is out of range.
    """
    asked = request.job
    changes: dict[str, Any] = {}
    for field in fields:
        match field:
            case "priority":
                changes["priority"] = PRIORITIES[asked.priority]
            case "labels":
                changes["labels"] = dict(asked.labels)
            case "schedule_time":
                changes["run_at_ms"] = instant_of(asked, field)
            case "deadline_time":
                changes["deadline_ms"] = instant_of(asked, field)
            case "expire_time" | "ttl":
                changes["expire_ms"] = _expire_ms(asked, fields, job)
            case "retry_policy":
                changes["retry"] = retry_policy_from_pb(asked.retry_policy, default_retry)
            case "timeout":
                changes["timeout_ms"] = duration_of(asked, field)
    return Amendment(replace(request_of(job), **changes), fields)


def _expire_ms(asked: pb.Job, fields: list[str], job: Job) -> int | None:
    if "ttl" in fields and asked.HasField("ttl"):
        return job.created_ms + (duration_of(asked, "ttl") or 0)
    return instant_of(asked, "expire_time") if "expire_time" in fields else None
