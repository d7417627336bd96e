"""Calls of QueueService."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from bothsides.jobs import v1 as pb
from bothsides_client.call import Call, Pages, same

QUEUES = "QueueService"


def get_queue(name: str) -> Call[pb.Queue]:
    """Return the queue with its limits and what is in it."""
    return Call(QUEUES, "GetQueue", pb.GetQueueRequest(name=name), same)


def list_queues(*, page_size: int = 0) -> Pages[pb.Queue]:
    """Yield all queues by name."""
    request = pb.ListQueuesRequest(page_size=page_size)
    return Pages(Call(QUEUES, "ListQueues", request, same), lambda page: list(page.queues))


def update_queue(
    queue: pb.Queue, fields: Sequence[str] = (), *, allow_missing: bool = False
) -> Call[pb.Queue]:
    """Change limits of the queue; return it as it is then.

    Args:
        queue: Its `name` and the new values. With an `etag`, only if nothing has changed since.
        fields: Names of those to change; one that is named and not set returns to its default;
            "tenant_limits.NAME" is one tenant's. Without names, all that are set.
        allow_missing: Make the queue if there is none of its name.
    """
    mask = FieldMask(paths=fields) if fields else None
    request = pb.UpdateQueueRequest(queue=queue, update_mask=mask, allow_missing=allow_missing)
    return Call(QUEUES, "UpdateQueue", request, same)


def pause_queue(name: str, *, resume_time: datetime | None = None) -> Call[pb.Queue]:
    """Let nothing of the queue start any more, until it is resumed or the time comes.

    `resume_time` must know its time zone.
    """
    moment = None
    if resume_time is not None:
        moment = Timestamp()
        moment.FromDatetime(resume_time)
    return Call(QUEUES, "PauseQueue", pb.PauseQueueRequest(name=name, resume_time=moment), same)


def resume_queue(name: str, *, ramp: timedelta | None = None) -> Call[pb.Queue]:
    """End a pause or a drain; with a ramp, as much as may runs only after so long."""
    duration = None
    if ramp is not None:
        duration = Duration()
        duration.FromTimedelta(ramp)
    return Call(QUEUES, "ResumeQueue", pb.ResumeQueueRequest(name=name, ramp_duration=duration), same)


def drain_queue(name: str) -> Call[pb.Queue]:
    """Refuse new jobs of the queue, and work off what is there."""
    return Call(QUEUES, "DrainQueue", pb.DrainQueueRequest(name=name), same)
