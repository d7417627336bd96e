"""Methods of the contract that a test's servicer has no use for."""

from __future__ import annotations

from bothsides.jobs import v1 as pb


class UnwrittenJobs(pb.JobServiceServicer):
    """Answers UNIMPLEMENTED, and keeps the type checker content, which wants every method."""

    WatchJobs = pb.JobServiceServicer.WatchJobs
    ExplainJob = pb.JobServiceServicer.ExplainJob
    UpdateJob = pb.JobServiceServicer.UpdateJob
    DeleteJob = pb.JobServiceServicer.DeleteJob
    ListAttempts = pb.JobServiceServicer.ListAttempts
    ListJobLogs = pb.JobServiceServicer.ListJobLogs
    ListFailureGroups = pb.JobServiceServicer.ListFailureGroups
    BulkCancelJobs = pb.JobServiceServicer.BulkCancelJobs
    BulkRetryJobs = pb.JobServiceServicer.BulkRetryJobs
