"""A job as it is returned: records of the store to `Job`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from google.protobuf.message import Message

from bothsides.jobs import v1 as pb
from common.job.model import Job, JobError, PaidUsage, Progress, RetryPolicy, Usage
from common.job.priority import Priority
from common.job.states import JobState
from common.store.jobs import Snapshot
from scheduler.jobs import etag_of
from scheduler.wire.explanations import wait_reason_to_pb
from scheduler.wire.moulds import Mould
from scheduler.wire.results import part_to_pb, result_to_pb
from scheduler.wire.specs import fill_spec
from scheduler.wire.times import duration_to_pb, instant_to_pb, set_instant

TYPES: Final = dict(pb.Job.Type.items())
STATES: Final = {state: pb.Job.State.Value(state.value) for state in JobState}
_PRIORITIES: Final = {priority: pb.Job.Priority.Value(priority.value) for priority in Priority}
#: All of a job but its id and that of its trace.
_REST: Final = attrgetter(*(part.name for part in fields(Job) if part.name not in ("job_id", "trace_id")))
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
    for former in snapshot.former:
        fill_spec(message.former_specs.add(), snapshot.job, former)
    return message


def job_to_pb(job: Job, payload: bytes = b"") -> pb.Job:
    """Return a job's record; with the arguments of its spec if `payload` is its message."""
    message = pb.Job()
    fill_job(message, job, payload)
    return message


class AlikeJobs:
    """Spells messages of a job each, of which most differ from the one before by two ids alone: the job's own
    and, where jobs are traced, that of its trace.

    Args:
        message_of: Returns the message of a job, which holds either id once.
    """

    def __init__(self, message_of: Callable[[Job], Message] = job_to_pb) -> None:
        self._message_of = message_of
        self._rest: tuple[Any, ...] = ()
        #: The last one that was not like the one before it, and its ids.
        self._last: Message = pb.Job()
        self._last_id = self._last_trace = ""
        #: Made of it once there is one like it.
        self._mould: Mould | None = None

    def spell(self, job: Job) -> bytes:
        """Return the message of this job, as bytes."""
        rest = _REST(job)
        if rest == self._rest and len(job.trace_id) == len(self._last_trace):
            if self._mould is None:
                self._mould = Mould(self._last, self._last_id)
            if self._mould.fits(job.job_id):
                spelled = self._mould.cast(job.job_id)
                if job.trace_id == self._last_trace:
                    return spelled
                own, other = job.trace_id.encode(), self._last_trace.encode()
                if len(own) == len(other) and spelled.count(other) == 1:
                    return spelled.replace(other, own)
        message = self._message_of(job)
        self._rest, self._last, self._mould = rest, message, None
        self._last_id, self._last_trace = job.job_id, job.trace_id
        return message.SerializeToString()


def item_to_pb(job: Job) -> pb.CreateJobsResponse:
    """Return a response of this one job."""
    response = pb.CreateJobsResponse()
    fill_job(response.items.add().job, job)
    return response


def fill_job(message: pb.Job, job: Job, payload: bytes = b"") -> None:
    """Fill in an empty message as job_to_pb would."""
    message.job_id = job.job_id
    fill_spec(message.spec, job, payload)
    message.priority = _PRIORITIES[job.priority]
    if job.labels:
        message.labels.update(job.labels)
    message.retry_policy.CopyFrom(_policy_to_pb(job.retry))
    message.state = STATES[job.state]
    message.type = TYPES.get(job.job_type, pb.Job.TYPE_UNSPECIFIED)
    message.queue = job.queue
    message.tenant = job.tenant
    message.attempt_count = job.spent
    message.lost_count = job.lost
    message.actor = job.actor
    message.worker = job.worker
    message.conversation_id = job.conversation_id
    message.trace_id = job.trace_id
    message.batch_id = job.batch_id
    message.unique_key = job.unique_key
    message.wait_reason = wait_reason_to_pb(job)
    message.spec_revision = job.spec_revision + 1
    message.etag = etag_of(job)
    _fill_times(message, job)
    if job.progress is not None:
        message.progress.CopyFrom(progress_to_pb(job.progress))
    if job.usage is not None:
        message.usage.CopyFrom(usage_to_pb(job.usage))
    if job.paid is not None:
        message.paid_usage.CopyFrom(paid_to_pb(job.paid))
    if job.error is not None:
        message.last_error.CopyFrom(error_to_pb(job.error))


def _fill_times(message: pb.Job, job: Job) -> None:
    set_instant(message.create_time, job.created_ms)
    set_instant(message.update_time, job.updated_ms)
    if job.schedule_ms is not None:
        set_instant(message.schedule_time, job.schedule_ms)
    if job.run_at_ms is not None and job.state in _WAITING:
        set_instant(message.next_attempt_time, job.run_at_ms)
    if job.deadline_ms is not None:
        set_instant(message.deadline_time, job.deadline_ms)
    if job.expire_ms is not None:
        set_instant(message.expire_time, job.expire_ms)
    if job.started_ms is not None:
        set_instant(message.start_time, job.started_ms)
    if job.ended_ms is not None:
        set_instant(message.end_time, job.ended_ms)
    if job.timeout_ms is not None:
        message.timeout.CopyFrom(duration_to_pb(job.timeout_ms))


@lru_cache(maxsize=256)
def _policy_to_pb(policy: RetryPolicy) -> pb.RetryPolicy:
    """Return a message that is only to be copied: a few policies serve all jobs."""
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


def usage_to_pb(usage: Usage) -> pb.Usage:
    message = pb.Usage(peak_memory_bytes=usage.peak_bytes or 0)
    if usage.cpu_ms is not None:
        message.cpu_time.CopyFrom(duration_to_pb(usage.cpu_ms))
    if usage.paid is not None:
        message.paid.CopyFrom(paid_to_pb(usage.paid))
    return message


def paid_to_pb(paid: PaidUsage) -> pb.PaidUsage:
    return pb.PaidUsage(
        call_count=paid.calls,
        reused_call_count=paid.reused_calls,
        input_tokens=paid.input_tokens,
        cached_input_tokens=paid.cached_tokens,
        output_tokens=paid.output_tokens,
        cost_micro_usd=paid.cost_micro_usd,
        saved_micro_usd=paid.saved_micro_usd,
        wasted_micro_usd=paid.wasted_micro_usd,
        doubtful_call_count=paid.doubtful_calls,
    )


def error_to_pb(error: JobError) -> pb.JobError:
    return pb.JobError(
        error_class=pb.JobError.ErrorClass.Value(error.error_class.value),
        reason=error.reason,
        message=error.message,
        attempt=error.attempt,
        time=instant_to_pb(error.at_ms),
        suggestion=error.suggestion,
    )
