"""A job as it is returned: records of the store to `Job`."""

from __future__ import annotations

from typing import Final

from bothsides.jobs import v1 as pb
from common.job.model import Job, JobError, Progress, RetryPolicy
from common.job.states import JobState
from common.store.jobs import Snapshot
from scheduler.wire.results import part_to_pb, result_to_pb
from scheduler.wire.specs import spec_to_pb
from scheduler.wire.times import duration_to_pb, instant_to_pb

_TYPES: Final = dict(pb.Job.Type.items())
_STATES: Final = {state: pb.Job.State.Value(state.value) for state in JobState}
#: In these a known time has to come first.
_WAITING: Final = frozenset({JobState.SCHEDULED, JobState.RETRYING})


def snapshot_to_pb(snapshot: Snapshot, *, full: bool) -> pb.Job:
    """Return a job; `full` needs a snapshot that was read in full."""
    message = job_to_pb(snapshot.job, snapshot.payload if full else b"")
    if not full:
        return message
    if snapshot.result is not None and snapshot.job.state is JobState.SUCCEEDED:
        message.result.CopyFrom(result_to_pb(snapshot.result))
    parts = sorted(snapshot.parts, key=lambda part: (part.at_ms, part.name))
    message.partial_results.extend(part_to_pb(part) for part in parts)
    return message


def job_to_pb(job: Job, payload: bytes = b"") -> pb.Job:
    """Return a job's record; with the arguments of its spec if `payload` is its message."""
    message = pb.Job(
        job_id=job.job_id,
        spec=spec_to_pb(job, payload),
        priority=pb.Job.Priority.Value(job.priority.value),
        labels=job.labels,
        retry_policy=retry_policy_to_pb(job.retry),
        state=_STATES[job.state],
        type=_TYPES.get(job.job_type, pb.Job.TYPE_UNSPECIFIED),
        queue=job.queue,
        tenant=job.tenant,
        attempt_count=job.spent,
        lost_count=job.lost,
        create_time=instant_to_pb(job.created_ms),
        update_time=instant_to_pb(job.updated_ms),
        actor=job.actor,
        worker=job.worker,
        conversation_id=job.conversation_id,
        trace_id=job.trace_id,
        etag=f"{job.attempt}-{job.revision}",
    )
    _add_times(message, job)
    if job.timeout_ms is not None:
        message.timeout.CopyFrom(duration_to_pb(job.timeout_ms))
    if job.progress is not None:
        message.progress.CopyFrom(progress_to_pb(job.progress))
    if job.error is not None:
        message.last_error.CopyFrom(error_to_pb(job.error))
    return message


def _add_times(message: pb.Job, job: Job) -> None:
    if job.schedule_ms is not None:
        message.schedule_time.CopyFrom(instant_to_pb(job.schedule_ms))
    if job.run_at_ms is not None and job.state in _WAITING:
        message.next_attempt_time.CopyFrom(instant_to_pb(job.run_at_ms))
    if job.deadline_ms is not None:
        message.deadline_time.CopyFrom(instant_to_pb(job.deadline_ms))
    if job.expire_ms is not None:
        message.expire_time.CopyFrom(instant_to_pb(job.expire_ms))
    if job.started_ms is not None:
        message.start_time.CopyFrom(instant_to_pb(job.started_ms))
    if job.ended_ms is not None:
        message.end_time.CopyFrom(instant_to_pb(job.ended_ms))


def retry_policy_to_pb(policy: RetryPolicy) -> pb.RetryPolicy:
    return pb.RetryPolicy(
        max_attempts=policy.max_attempts,
        min_backoff=duration_to_pb(policy.min_backoff_ms),
        max_backoff=duration_to_pb(policy.max_backoff_ms),
    )


def progress_to_pb(progress: Progress) -> pb.Progress:
    message = pb.Progress(
        fraction=progress.fraction,
        stage=progress.stage,
        completed_units=progress.completed_units,
        total_units=progress.total_units,
        update_time=instant_to_pb(progress.at_ms),
    )
    if progress.finish_ms is not None:
        message.finish_time.CopyFrom(instant_to_pb(progress.finish_ms))
    return message


def error_to_pb(error: JobError) -> pb.JobError:
    return pb.JobError(
        error_class=pb.JobError.ErrorClass.Value(error.error_class.value),
        reason=error.reason,
        message=error.message,
        attempt=error.attempt,
        time=instant_to_pb(error.at_ms),
        suggestion=error.suggestion,
    )
