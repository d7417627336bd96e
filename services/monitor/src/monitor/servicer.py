"""MonitorService: spells what the board reports. No call waits for the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, TypeAlias

import grpc.aio

from bothsides.jobs import v1 as pb
from common.errors import QueueNotFound, StoreUnavailable
from monitor import wire
from monitor.facts import Facts
from monitor.health import Severity
from monitor.reports import ReportBoard

#: A watch says something at least this often, so that a client can tell silence from a dead connection.
SILENCE_S: Final = 15.0


# Its types are those of the message streams that a generic handler reads; these read none.
Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class MonitorServicer(pb.MonitorServiceServicer):
    """Serves what the board holds."""

    def __init__(self, board: ReportBoard, *, silence_s: float = SILENCE_S) -> None:
        self._board = board
        self._silence_s = silence_s

    async def GetHealth(self, request: pb.GetHealthRequest, context: Context) -> pb.Health:
        """Always answers: that nothing is known is an answer too."""
        return wire.health_to_pb(self._board.judge())

    async def WatchHealth(
        self,
        request: pb.WatchHealthRequest,
        context: Context,
    ) -> AsyncIterator[pb.Health]:
        """Streams the health: at once, on every change, after silence. A slow reader gets only the latest."""
        report = self._board.judge()
        while True:
            yield wire.health_to_pb(report)
            report = await self._board.after(report.version, self._silence_s)

    async def ListQueueStats(
        self,
        request: pb.ListQueueStatsRequest,
        context: Context,
    ) -> pb.ListQueueStatsResponse:
        """Lists all queues, or the one that was asked for.

        Raises:
            QueueNotFound: No such queue was ever declared.
            StoreUnavailable: What is known is too old to be passed on.
        """
        facts = self._believable()
        wanted = [queue for queue in facts.queues if request.queue in ("", queue.queue)]
        if request.queue and not wanted:
            raise QueueNotFound(request.queue)
        return pb.ListQueueStatsResponse(
            queues=[wire.queue_to_pb(facts, queue) for queue in wanted],
            read_time=wire.timestamp(facts.read_ms),
        )

    async def ListWorkers(
        self,
        request: pb.ListWorkersRequest,
        context: Context,
    ) -> pb.ListWorkersResponse:
        """Lists the workers that reported lately.

        Raises:
            StoreUnavailable: What is known is too old to be passed on.
        """
        facts = self._believable()
        return pb.ListWorkersResponse(
            workers=[wire.worker_to_pb(worker) for worker in facts.workers],
            read_time=wire.timestamp(facts.read_ms),
        )

    def _believable(self) -> Facts:
        report = self._board.judge()
        if report.facts is None or report.status is Severity.UNKNOWN:
            raise StoreUnavailable("the statistics could not be read lately: try again in a moment")
        return report.facts
