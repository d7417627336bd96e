"""A job's past on the wire: attempts and lines of its log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bothsides.jobs import v1 as pb
from common.job.model import Job
from common.job.states import JobState
from common.store.jobs import AttemptRecord, LoggedLine
from scheduler.wire.jobs import error_to_pb, usage_to_pb
from scheduler.wire.times import instant_to_pb
from scheduler.wire.values import object_to_pb

_OUTCOMES: Final[Mapping[str, pb.Attempt.Outcome.ValueType]] = {
    **dict(pb.Attempt.Outcome.items()),
    "RELEASED": pb.Attempt.SNOOZED,
}


def attempt_to_pb(record: AttemptRecord, job: Job) -> pb.Attempt:
    """Return one of a job's attempts."""
    message = pb.Attempt(
        attempt=record.attempt,
        outcome=_outcome(record, job),
        worker=record.worker,
        start_time=instant_to_pb(record.started_ms),
    )
    if record.ended_ms is not None:
        message.end_time.CopyFrom(instant_to_pb(record.ended_ms))
    if record.error is not None:
        message.error.CopyFrom(error_to_pb(record.error))
    if record.usage is not None:
        message.usage.CopyFrom(usage_to_pb(record.usage))
    return message


def _outcome(record: AttemptRecord, job: Job) -> pb.Attempt.Outcome.ValueType:
    """Return how an attempt ended; a failed one that was not the job's end was retried."""
    if record.outcome == "FAILED" and (job.state is not JobState.FAILED or record.attempt != job.attempt):
        return pb.Attempt.RETRIED
    return _OUTCOMES.get(record.outcome, pb.Attempt.OUTCOME_UNSPECIFIED)


def line_to_pb(logged: LoggedLine) -> pb.JobLogEntry:
    """Return a line of a job's log."""
    line = logged.line
    return pb.JobLogEntry(
        time=instant_to_pb(line.at_ms),
        attempt=logged.attempt,
        severity=pb.JobLogEntry.Severity.Value(line.level.value),
        message=line.message,
        fields=object_to_pb(line.fields) if line.fields else None,
        sequence=logged.sequence,
    )
