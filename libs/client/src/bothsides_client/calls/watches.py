"""Watches of one job and of many, and waiting for a job's end.

A lost connection is resumed behind the last message, on any replica, so that what happened comes in order and
once. A watch gives up, with the error of its last attempt, when the server refuses it, or when nothing was
heard for `Reconnect.patience_s`; the server says something at least every 15 s.
"""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from bothsides_client.call import Wait, Watch
from bothsides_client.calls.jobs import JOBS, view_of
from bothsides_client.errors import JobUnsuccessful

#: States that a job leaves only by a person's retry.
FINAL_STATES = frozenset({pb.Job.SUCCEEDED, pb.Job.FAILED, pb.Job.CANCELLED, pb.Job.EXPIRED})


def watch_job(
    job_id: str, *, full: bool = False, resume_token: str | None = None
) -> Watch[pb.WatchJobResponse]:
    """Yield what happens to the job until it is final, across lost connections.

    The last message is the snapshot with the final state. To go on later, pass the `resume_token` of the
    last message that was read.
    """
    return Watch(
        JOBS,
        "WatchJob",
        request=lambda token: pb.WatchJobRequest(job_id=job_id, resume_token=token, view=view_of(full)),
        token=lambda message: message.resume_token,
        is_last=lambda message: message.HasField("snapshot") and message.snapshot.state in FINAL_STATES,
        read=lambda message: (message,),
        resume_token=resume_token or "",
    )


def watch_jobs(
    filter: str = "",  # noqa: A002 - the field's name
    *,
    full: bool = False,
    include_snapshot: bool = False,
    resume_token: str | None = None,
) -> Watch[pb.WatchJobsResponse]:
    """Yield what happens to the jobs that match the filter, until the caller stops, across lost connections.

    A message holds events that happened together, in their order. `include_snapshot` begins with the jobs
    that match now. To go on later, pass the `resume_token` of the last message that was read, with the same
    filter. A message with `reset` says that it was too long ago: what happened meanwhile is not told, other
    than by new snapshots, if those are included.
    """
    return Watch(
        JOBS,
        "WatchJobs",
        request=lambda token: pb.WatchJobsRequest(
            filter=filter, resume_token=token, view=view_of(full), include_snapshot=include_snapshot
        ),
        token=lambda message: message.resume_token,
        is_last=lambda message: False,
        read=lambda message: (message,),
        resume_token=resume_token or "",
    )


def wait_for_job(job_id: str, *, full: bool = True, timeout_s: float | None = None) -> Wait[pb.Job]:
    """Return the job once it is final, whatever became of it.

    Raises DeadlineExceeded when it is not within `timeout_s`; the job goes on.
    """
    return Wait(watch_job(job_id, full=full), timeout_s, lambda message: message.snapshot)


def wait_for_result(job_id: str, *, timeout_s: float | None = None) -> Wait[pb.JobResult]:
    """Return the result of the job once it has succeeded.

    Raises JobUnsuccessful when it ends otherwise, and DeadlineExceeded when it does not end within
    `timeout_s`; then the job goes on.
    """
    return Wait(watch_job(job_id, full=True), timeout_s, lambda message: _result(message.snapshot))


def _result(job: pb.Job) -> pb.JobResult:
    if job.state != pb.Job.SUCCEEDED:
        raise JobUnsuccessful(job, pb.Job.State.Name(job.state))
    return job.result
