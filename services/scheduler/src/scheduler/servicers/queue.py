"""QueueService."""

from __future__ import annotations

from functools import partial

from bothsides.jobs import v1 as pb
from common.auth.caller import Role, current_caller
from scheduler.providers import Providers
from scheduler.queues import QueueReport, Queues
from scheduler.servicers.context import Context
from scheduler.servicers.provider import ProviderMethods
from scheduler.wire.queues import changes_from_pb, queue_name_of, queue_to_pb
from scheduler.wire.times import duration_from_pb, instant_from_pb


class QueueServicer(ProviderMethods, pb.QueueServiceServicer):
    """Shows the queues, which all tenants share, and changes what limits them."""

    def __init__(self, queues: Queues, providers: Providers) -> None:
        super().__init__(providers)
        self._queues = queues

    async def GetQueue(self, request: pb.GetQueueRequest, context: Context) -> pb.Queue:
        return _shown(await self._queues.get(request.name))

    async def ListQueues(self, request: pb.ListQueuesRequest, context: Context) -> pb.ListQueuesResponse:
        reports, next_page_token = await self._queues.page(
            current_caller().tenant, page_size=request.page_size, page_token=request.page_token
        )
        return pb.ListQueuesResponse(queues=map(_shown, reports), next_page_token=next_page_token)

    async def UpdateQueue(self, request: pb.UpdateQueueRequest, context: Context) -> pb.Queue:
        report = await self._queues.update(
            queue_name_of(request),
            partial(changes_from_pb, request),
            etag=request.queue.etag,
            allow_missing=request.allow_missing,
        )
        return _shown(report)

    async def PauseQueue(self, request: pb.PauseQueueRequest, context: Context) -> pb.Queue:
        resume_at_ms = None
        if request.HasField("resume_time"):
            resume_at_ms = instant_from_pb(request.resume_time, "resume_time")
        return _shown(await self._queues.pause(request.name, resume_at_ms))

    async def ResumeQueue(self, request: pb.ResumeQueueRequest, context: Context) -> pb.Queue:
        ramp_ms = duration_from_pb(request.ramp_duration, "ramp_duration")
        return _shown(await self._queues.resume(request.name, ramp_ms))

    async def DrainQueue(self, request: pb.DrainQueueRequest, context: Context) -> pb.Queue:
        return _shown(await self._queues.drain(request.name))


def _shown(report: QueueReport) -> pb.Queue:
    """Return what the caller may see: who else uses the queue, and how much of it, is for operators."""
    caller = current_caller()
    return queue_to_pb(report, tenant=None if caller.may(Role.OPERATOR) else caller.tenant)
