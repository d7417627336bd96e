"""Calls of MonitorService."""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from bothsides_client.call import Call, Watch, same

_MONITOR = "MonitorService"


def health() -> Call[pb.Health]:
    """Return the present health."""
    return Call(_MONITOR, "GetHealth", pb.GetHealthRequest(), same)


def watch_health() -> Watch[pb.Health]:
    """Yield the health now, at every change, and after 15 s of silence, until the caller stops.

    After a lost connection it begins with the present health again.
    """
    return Watch(
        _MONITOR,
        "WatchHealth",
        request=lambda token: pb.WatchHealthRequest(),
        token=lambda message: "",
        is_last=lambda message: False,
        read=lambda message: (message,),
    )


def queue_stats(queue: str = "") -> Call[list[pb.QueueStats]]:
    """Return the statistics of the queue, or of all."""
    request = pb.ListQueueStatsRequest(queue=queue)
    return Call(_MONITOR, "ListQueueStats", request, lambda response: list(response.queues))


def workers() -> Call[list[pb.Worker]]:
    """Return the workers that reported lately."""
    return Call(_MONITOR, "ListWorkers", pb.ListWorkersRequest(), lambda response: list(response.workers))
