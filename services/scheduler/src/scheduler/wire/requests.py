"""A job as it is asked for: `CreateJobRequest` to JobRequest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bothsides.jobs import v1 as pb
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
            finite, a generic spec that names the actor of a typed job.
    """
    job = request.job
    work = work_from_pb(job.spec)
    job_id = new_job_id(work.queue)
    return JobRequest(
        job_id=job_id,
        queue=work.queue,
        actor=work.actor,
        payload=message_of(work, job_id, origin.tenant, origin.trace_context),
        job_type=work.job_type,
        tenant=origin.tenant,
        priority=PRIORITIES[job.priority],
        run_at_ms=instant_of(job, "schedule_time"),
        deadline_ms=instant_of(job, "deadline_time"),
        expire_ms=instant_of(job, "expire_time"),
        ttl_ms=duration_of(job, "ttl"),
        retry=retry_policy_from_pb(job.retry_policy, default_retry)
        if job.HasField("retry_policy")
        else default_retry,
        timeout_ms=duration_of(job, "timeout"),
        conversation_id=work.conversation_id,
        labels=dict(job.labels) if job.labels else NO_LABELS,
        trace_id=origin.trace_id,
        request_id=request.request_id,
        request_digest=digest_of(job) if request.request_id else "",
        unique_key=job.unique_key,
        duplicate_policy=_duplicate_policy(request.duplicate_policy),
    )


def digest_of(job: pb.Job) -> str:
    """Return 96 bits of the SHA-256 of what was asked: the same for the same input fields."""
    unread = [field.name for field, _ in job.ListFields() if field.name not in INPUT_FIELDS]
    if unread:
        asked = pb.Job()
        asked.CopyFrom(job)
        for name in unread:
            asked.ClearField(name)  # type: ignore[arg-type]
        job = asked
    return request_digest(job.SerializeToString(deterministic=True))


def _duplicate_policy(policy: pb.CreateJobRequest.DuplicatePolicy.ValueType) -> DuplicatePolicy:
    if policy == pb.CreateJobRequest.DUPLICATE_POLICY_UNSPECIFIED:
        return DuplicatePolicy.RUN
    return DuplicatePolicy(pb.CreateJobRequest.DuplicatePolicy.Name(policy))


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
    return instant_from_pb(getattr(job, name), f"job.{name}") if job.HasField(name) else None  # type: ignore[arg-type]


def duration_of(job: pb.Job, name: str) -> int | None:
    """Return a duration of a job that is asked for (ms); None if it is not set."""
    return duration_from_pb(getattr(job, name), f"job.{name}") if job.HasField(name) else None  # type: ignore[arg-type]
