"""A job as it is asked for: `CreateJobRequest` to JobRequest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bothsides.jobs import v1 as pb
from common.errors import InvalidField
from common.job.digest import request_digest
from common.job.ids import new_job_id
from common.job.model import NO_LABELS, DuplicatePolicy, JobRequest, RetryPolicy
from common.job.priority import Priority
from scheduler.wire.specs import message_of, work_from_pb
from scheduler.wire.times import duration_from_pb, instant_from_pb

#: The fields of Job that a caller sets; all others are ignored in a request.
INPUT_FIELDS: Final = frozenset(
    {
        "spec",
        "priority",
        "labels",
        "schedule_time",
        "deadline_time",
        "expire_time",
        "ttl",
        "retry_policy",
        "timeout",
        "unique_key",
    }
)
#: By their numbers on the wire.
PRIORITIES: Final = {pb.Job.PRIORITY_UNSPECIFIED: Priority.NORMAL} | {
    pb.Job.Priority.Value(priority.value): priority for priority in Priority
}
_NAMES: Final = {field: field.name for field in pb.Job.DESCRIPTOR.fields if field.name in INPUT_FIELDS}
#: By their numbers on the wire.
_DUPLICATE_POLICIES: Final = {pb.CreateJobRequest.DUPLICATE_POLICY_UNSPECIFIED: DuplicatePolicy.RUN} | {
    pb.CreateJobRequest.DuplicatePolicy.Value(policy.value): policy for policy in DuplicatePolicy
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks, and in which trace."""

    tenant: str
    #: 32 hexadecimal digits, or "" outside of any trace.
    trace_id: str = ""
    #: W3C trace context, handed on to the worker.
    trace_context: Mapping[str, str] = field(default_factory=dict)


def request_from_pb(request: pb.CreateJobRequest, origin: Origin, default_retry: RetryPolicy) -> JobRequest:
    """Return the job to submit, under a new id; `request` has passed validation.

    Raises:
        InvalidField: What the declared rules cannot say: a time out of range, a number that is not
            finite, a generic spec that names the actor of a typed job, a duplicate policy without a key.
    """
    job = request.job
    given = _given(job)
    work = work_from_pb(job.spec)
    job_id = new_job_id(work.queue)
    policy = given.get("retry_policy")
    duplicates = _DUPLICATE_POLICIES[request.duplicate_policy]
    if duplicates is not DuplicatePolicy.RUN and "unique_key" not in given:
        raise InvalidField(
            "job.unique_key", f"must be set: {duplicates.value} is about jobs with the same key"
        )
    return JobRequest(
        job_id=job_id,
        queue=work.queue,
        actor=work.actor,
        payload=message_of(work, job_id, origin.tenant, origin.trace_context),
        job_type=work.job_type,
        tenant=origin.tenant,
        priority=PRIORITIES[given.get("priority", 0)],
        run_at_ms=_instant(given, "schedule_time"),
        deadline_ms=_instant(given, "deadline_time"),
        expire_ms=_instant(given, "expire_time"),
        ttl_ms=_duration(given, "ttl"),
        retry=default_retry if policy is None else retry_policy_from_pb(policy, default_retry),
        timeout_ms=_duration(given, "timeout"),
        conversation_id=work.conversation_id,
        labels=dict(given["labels"]) if "labels" in given else NO_LABELS,
        trace_id=origin.trace_id,
        request_id=request.request_id,
        request_digest=digest_of(job) if request.request_id else "",
        unique_key=given.get("unique_key", ""),
        duplicate_policy=duplicates,
    )


def _given(job: pb.Job) -> dict[str, Any]:
    """Return the fields that a caller has set, by name. To ask for each of them takes three times as long."""
    return {_NAMES[field]: value for field, value in job.ListFields() if field in _NAMES}


def unread_fields(job: pb.Job) -> list[str]:
    """Return the names of fields that are set, and ignored in a request."""
    return [field.name for field, _ in job.ListFields() if field not in _NAMES]


def digest_of(job: pb.Job) -> str:
    """Return 96 bits of the SHA-256 of what was asked: the same for the same input fields."""
    unread = unread_fields(job)
    if unread:
        asked = pb.Job()
        asked.CopyFrom(job)
        for name in unread:
            asked.ClearField(name)  # type: ignore[arg-type]
        job = asked
    return request_digest(job.SerializeToString(deterministic=True))


def retry_policy_from_pb(policy: pb.RetryPolicy, default: RetryPolicy) -> RetryPolicy:
    """Fill in what is not set, so that a bound that is set wins over the other bound's default."""
    least_ms, most_ms = default.min_backoff_ms, default.max_backoff_ms
    if policy.HasField("min_backoff"):
        least_ms = duration_from_pb(policy.min_backoff, "job.retry_policy.min_backoff")
        most_ms = max(most_ms, least_ms)
    if policy.HasField("max_backoff"):
        most_ms = duration_from_pb(policy.max_backoff, "job.retry_policy.max_backoff")
        if not policy.HasField("min_backoff"):
            least_ms = min(least_ms, most_ms)
    return RetryPolicy(policy.max_attempts or default.max_attempts, least_ms, most_ms)


def instant_of(job: pb.Job, name: str) -> int | None:
    """Return a time of a job that is asked for (Unix ms); None if it is not set."""
    return _instant(_given(job), name)


def duration_of(job: pb.Job, name: str) -> int | None:
    """Return a duration of a job that is asked for (ms); None if it is not set."""
    return _duration(_given(job), name)


def _instant(given: Mapping[str, Any], name: str) -> int | None:
    return instant_from_pb(given[name], f"job.{name}") if name in given else None


def _duration(given: Mapping[str, Any], name: str) -> int | None:
    return duration_from_pb(given[name], f"job.{name}") if name in given else None
