"""How long a queue keeps what has ended, on the wire: `RetentionPolicy`, and the changes that it asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from bothsides.jobs import v1 as pb
from common.errors import InvalidField
from common.job.limits import Keep
from common.job.states import JobState
from common.store.queue_settings import KEEP
from scheduler.queues import QueueReport
from scheduler.wire.times import duration_from_pb, duration_to_pb

_STATES: Final[Mapping[str, JobState]] = MappingProxyType(
    {
        "succeeded": JobState.SUCCEEDED,
        "failed": JobState.FAILED,
        "cancelled": JobState.CANCELLED,
        "expired": JobState.EXPIRED,
    }
)
_MAX_BYTES: Final = "max_bytes"
#: Fields of a policy, each of which may be changed alone.
RETENTION_FIELDS: Final = (*_STATES, _MAX_BYTES)


def retention_to_pb(message: pb.Queue, report: QueueReport) -> None:
    """Set what a queue says of retention; what is as by default is left out."""
    settings = report.settings
    for field, state in _STATES.items():
        if (keep := settings.keep.get(state)) is None:
            continue
        shown: pb.RetentionPolicy.Keep = getattr(message.retention, field)
        shown.SetInParent()
        if keep.count is not None:
            shown.min_jobs = keep.count
        if keep.length_ms is not None:
            shown.min_age.CopyFrom(duration_to_pb(keep.length_ms))
    if settings.memory_bytes is not None:
        message.retention.max_bytes = settings.memory_bytes
        message.gauges.ended_bytes = report.statistics.kept_bytes


def retention_changes(policy: pb.RetentionPolicy, fields: Iterable[str]) -> dict[str, str | None]:
    """Return the changes that fields of a policy ask for, which has passed validation.

    Raises:
        InvalidField: There is no such field, or an age is finer than a millisecond.
    """
    changes: dict[str, str | None] = {}
    for field in fields:
        if field in _STATES:
            keep = _keep(getattr(policy, field), f"queue.retention.{field}.min_age")
            changes[KEEP + _STATES[field].value] = None if keep == Keep() else str(keep)
        elif field == _MAX_BYTES:
            changes["memory"] = str(policy.max_bytes) if policy.HasField("max_bytes") else None
        else:
            raise InvalidField("update_mask", f"retention has {', '.join(RETENTION_FIELDS)}, and no other")
    return changes


def _keep(keep: pb.RetentionPolicy.Keep, field: str) -> Keep:
    if keep.min_age.nanos % 1_000_000:
        raise InvalidField(field, "must be whole milliseconds")
    return Keep(
        keep.min_jobs if keep.HasField("min_jobs") else None,
        duration_from_pb(keep.min_age, field) if keep.HasField("min_age") else None,
    )
