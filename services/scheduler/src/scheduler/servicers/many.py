"""The methods of JobService that are about many jobs at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from bothsides.jobs import v1 as pb
from common.auth.caller import current_caller
from scheduler.bulk import CANCEL, RETRY, Bulk, BulkRequest, Verb
from scheduler.failures import FailureGroups
from scheduler.servicers.context import Context, viewer
from scheduler.watch.opening import JobsWatches
from scheduler.wire.bulk import bulk_from_pb, tally_to_pb
from scheduler.wire.failures import group_page_to_pb
from scheduler.wire.updates import packet_to_pb


@dataclass(frozen=True, slots=True)
class Many:
    """What serves many jobs."""

    watches: JobsWatches
    failures: FailureGroups
    bulk: Bulk


class ManyJobsServicer(pb.JobServiceServicer):
    """Serves the jobs of the caller's tenant by filter. The rest of the service is a subclass's."""

    def __init__(self, many: Many) -> None:
        self._many = many

    async def WatchJobs(
        self, request: pb.WatchJobsRequest, context: Context
    ) -> AsyncIterator[pb.WatchJobsResponse]:
        caller, full = viewer(request.view)
        packets = self._many.watches.watch(
            caller.tenant,
            request.filter,
            resume_token=request.resume_token,
            full=full,
            include_snapshot=request.include_snapshot,
        )
        async with aclosing(packets):
            async for packet in packets:
                yield packet_to_pb(packet, full=full)

    async def ListFailureGroups(
        self, request: pb.ListFailureGroupsRequest, context: Context
    ) -> pb.ListFailureGroupsResponse:
        page = await self._many.failures.page(
            current_caller().tenant,
            request.filter,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return group_page_to_pb(page)

    async def BulkCancelJobs(
        self, request: pb.BulkCancelJobsRequest, context: Context
    ) -> AsyncIterator[pb.BulkProgress]:
        async for progress in self._bulk(CANCEL, bulk_from_pb(request)):
            yield progress

    async def BulkRetryJobs(
        self, request: pb.BulkRetryJobsRequest, context: Context
    ) -> AsyncIterator[pb.BulkProgress]:
        async for progress in self._bulk(RETRY, bulk_from_pb(request)):
            yield progress

    async def _bulk(self, verb: Verb, request: BulkRequest) -> AsyncIterator[pb.BulkProgress]:
        async with aclosing(self._many.bulk.run(current_caller().tenant, verb, request)) as tallies:
            async for tally in tallies:
                yield tally_to_pb(tally)
