"""Bulk calls: `BulkCancelJobsRequest` and `BulkRetryJobsRequest` in, `BulkProgress` out."""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from common.rpc.status import status_of
from scheduler.bulk import BulkRequest, Tally
from scheduler.watch.packet import now_ms
from scheduler.wire.jobs import job_to_pb
from scheduler.wire.times import instant_to_pb


def bulk_from_pb(request: pb.BulkCancelJobsRequest | pb.BulkRetryJobsRequest) -> BulkRequest:
    return BulkRequest(request.filter, request.validate_only, request.max_jobs, request.jobs_per_second)


def tally_to_pb(tally: Tally) -> pb.BulkProgress:
    return pb.BulkProgress(
        matched_count=tally.matched,
        capped=tally.capped,
        done_count=tally.done,
        failed_count=tally.failed,
        skipped_count=tally.skipped,
        failures=[
            pb.BulkProgress.Failure(job_id=job_id, error=status_of(error)) for job_id, error in tally.failures
        ],
        sample_jobs=map(job_to_pb, tally.samples),
        finished=tally.finished,
        update_time=instant_to_pb(now_ms()),
    )
