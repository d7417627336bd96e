"""The methods of JobService that are about many jobs at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from bothsides.jobs import v1 as pb
from scheduler.servicers.context import Context, viewer
from scheduler.watch.opening import JobsWatches
from scheduler.wire.updates import packet_to_pb


@dataclass(frozen=True, slots=True)
class Many:
    """What serves many jobs."""

    watches: JobsWatches


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
