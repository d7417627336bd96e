"""Calls about many jobs: create them, each with its own outcome; cancel or retry all that match a filter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bothsides.jobs import v1 as pb
from bothsides_client.call import Bulk, Call, Pages, Stream, same
from bothsides_client.calls.jobs import JOBS, new_request_id
from bothsides_client.errors import RequestFailed
from bothsides_client.statuses import error_from_status

#: Most items of one CreateJobs.
BULK_LIMIT: Final = 1_000
#: A call is closed before it grows beyond this: half of what a message may have.
BULK_LIMIT_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Created:
    """The outcome of one item: a job, or why there is none."""

    #: With it, the same item can be sent again, and creates nothing twice.
    request_id: str
    job: pb.Job | None
    error: RequestFailed | None = None


def create_jobs(
    jobs: Iterable[pb.Job],
    request_ids: Sequence[str] | None = None,
    *,
    duplicate_policy: pb.CreateJobRequest.DuplicatePolicy.ValueType = (
        pb.CreateJobRequest.DUPLICATE_POLICY_UNSPECIFIED
    ),
) -> Bulk[Created]:
    """Create many jobs; return the outcome of each at its place.

    Sent in calls of at most 1,000 items and 8 MiB. When a call fails as a whole nothing more is sent: its
    items, and all behind them, carry that call's error. Send those again with their request ids; what was
    stored all the same is not stored twice.

    Raises ValueError when there are not as many request ids as jobs.
    """
    each = list(jobs)
    ids = [new_request_id() for _ in each] if request_ids is None else request_ids
    requests = [
        pb.CreateJobRequest(job=job, request_id=request_id, duplicate_policy=duplicate_policy)
        for job, request_id in zip(each, ids, strict=True)
    ]
    return Bulk(partial(_calls, requests), _failed)


def list_failure_groups(filter: str = "", *, page_size: int = 0) -> Pages[pb.FailureGroup]:  # noqa: A002 - the field's name
    """Yield the failed jobs by what went wrong, the largest group first."""
    request = pb.ListFailureGroupsRequest(filter=filter, page_size=page_size)
    return Pages(Call(JOBS, "ListFailureGroups", request, same), lambda page: list(page.groups))


def bulk_cancel_jobs(
    filter: str,  # noqa: A002 - the field's name
    *,
    validate_only: bool = False,
    max_jobs: int = 0,
    jobs_per_second: int = 0,
) -> Stream[pb.BulkProgress]:
    """Cancel the jobs that match the filter; yield how far it is, until a message has `finished`.

    With `validate_only` it counts and shows samples, and changes nothing. It stops when the caller does, and
    is not resumed when the connection is lost: calling it again goes on with what is left.
    """
    request = pb.BulkCancelJobsRequest(
        filter=filter, validate_only=validate_only, max_jobs=max_jobs, jobs_per_second=jobs_per_second
    )
    return Stream(JOBS, "BulkCancelJobs", request, same)


def bulk_retry_jobs(
    filter: str,  # noqa: A002 - the field's name
    *,
    validate_only: bool = False,
    max_jobs: int = 0,
    jobs_per_second: int = 0,
) -> Stream[pb.BulkProgress]:
    """Retry the jobs that match the filter and have failed, as `bulk_cancel_jobs` cancels them."""
    request = pb.BulkRetryJobsRequest(
        filter=filter, validate_only=validate_only, max_jobs=max_jobs, jobs_per_second=jobs_per_second
    )
    return Stream(JOBS, "BulkRetryJobs", request, same)


def _calls(requests: Sequence[pb.CreateJobRequest]) -> Iterator[Call[list[Created]]]:
    for chunk in _chunks(requests):
        request = pb.CreateJobsRequest(requests=chunk)
        yield Call(JOBS, "CreateJobs", request, partial(_outcomes, request))


def _chunks(requests: Sequence[pb.CreateJobRequest]) -> Iterator[list[pb.CreateJobRequest]]:
    chunk: list[pb.CreateJobRequest] = []
    size_bytes = 0
    for request in requests:
        more_bytes = request.ByteSize() + 8  # with its tag and length
        if chunk and (len(chunk) == BULK_LIMIT or size_bytes + more_bytes > BULK_LIMIT_BYTES):
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append(request)
        size_bytes += more_bytes
    if chunk:
        yield chunk


def _outcomes(request: pb.CreateJobsRequest, response: pb.CreateJobsResponse) -> list[Created]:
    return [
        Created(sent.request_id, None, error_from_status(item.error))
        if item.HasField("error")
        else Created(sent.request_id, item.job)
        for sent, item in zip(request.requests, response.items, strict=True)
    ]


def _failed(call: Call[list[Created]], error: RequestFailed) -> list[Created]:
    request: Any = call.request
    return [Created(sent.request_id, None, error) for sent in request.requests]
