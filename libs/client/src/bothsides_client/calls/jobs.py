"""Calls of JobService about one job, and about a list of them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from bothsides.jobs import v1 as pb
from bothsides_client.call import Call, Pages, same

JOBS = "JobService"


def create_job(
    job: pb.Job,
    request_id: str | None = None,
    *,
    duplicate_policy: pb.CreateJobRequest.DuplicatePolicy.ValueType = (
        pb.CreateJobRequest.DUPLICATE_POLICY_UNSPECIFIED
    ),
    validate_only: bool = False,
) -> Call[pb.Job]:
    """Create one job; with the same request id it is created once, however often this is called.

    `duplicate_policy` says what becomes of it while another job with its `unique_key` is not final.
    """
    request = pb.CreateJobRequest(
        job=job,
        request_id=request_id or new_request_id(),
        duplicate_policy=duplicate_policy,
        validate_only=validate_only,
    )
    return Call(JOBS, "CreateJob", request, same)


def get_job(job_id: str, *, full: bool = False) -> Call[pb.Job]:
    """Return the job; `full` adds its arguments, result and partial results."""
    return Call(JOBS, "GetJob", pb.GetJobRequest(job_id=job_id, view=view_of(full)), same)


def list_jobs(filter: str = "", *, full: bool = False, page_size: int = 0) -> Pages[pb.Job]:  # noqa: A002 - the field's name
    """Yield the jobs that match the AIP-160 filter, newest first, reading pages as they are needed."""
    request = pb.ListJobsRequest(filter=filter, view=view_of(full), page_size=page_size)
    return Pages(Call(JOBS, "ListJobs", request, same), lambda page: list(page.jobs))


def explain_job(job_id: str) -> Call[pb.ExplainJobResponse]:
    """Say why the job has not started yet: what is in the way, in order, and when it clears."""
    return Call(JOBS, "ExplainJob", pb.ExplainJobRequest(job_id=job_id), same)


def update_job(job: pb.Job, fields: Sequence[str] = ()) -> Call[pb.Job]:
    """Change a job that waits; return it as it is then.

    Args:
        job: Its `job_id` and the new values. With an `etag`, only if nothing has changed since.
        fields: Names of those to change; one that is named and not set returns to its default. Without
            names, all that are set.
    """
    mask = FieldMask(paths=fields) if fields else None
    return Call(JOBS, "UpdateJob", pb.UpdateJobRequest(job=job, update_mask=mask), same)


def cancel_job(job_id: str) -> Call[pb.Job]:
    """Ask the job to stop; repeating it is harmless."""
    return Call(JOBS, "CancelJob", pb.CancelJobRequest(job_id=job_id), same)


def retry_job(job_id: str, spec: pb.JobSpec | None = None) -> Call[pb.Job]:
    """Start a FAILED, CANCELLED or EXPIRED job anew, with another spec if one is given."""
    return Call(JOBS, "RetryJob", pb.RetryJobRequest(job_id=job_id, spec=spec), same)


def delete_job(job_id: str, *, allow_missing: bool = False) -> Call[None]:
    """Remove a final job with all that is kept of it."""
    request = pb.DeleteJobRequest(job_id=job_id, allow_missing=allow_missing)
    return Call(JOBS, "DeleteJob", request, lambda _: None)


def list_attempts(job_id: str, *, page_size: int = 0) -> Pages[pb.Attempt]:
    """Yield the attempts of the job, the latest first."""
    request = pb.ListAttemptsRequest(job_id=job_id, page_size=page_size)
    return Pages(Call(JOBS, "ListAttempts", request, same), lambda page: list(page.attempts))


def list_job_logs(job_id: str, *, page_size: int = 0) -> Pages[pb.JobLogEntry]:
    """Yield what the code of the job wrote about its work, the oldest first."""
    request = pb.ListJobLogsRequest(job_id=job_id, page_size=page_size)
    return Pages(Call(JOBS, "ListJobLogs", request, same), lambda page: list(page.entries))


def new_request_id() -> str:
    """Return an id that no other request has, to make a create safe to repeat."""
    return str(uuid.uuid4())


def view_of(full: bool) -> pb.JobView.ValueType:
    """Return the view that has payloads, or the one that has none."""
    return pb.JOB_VIEW_FULL if full else pb.JOB_VIEW_BASIC
