"""Messages of a watch: updates to `WatchJobResponse`."""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from common.job.model import Part
from common.store.events import PartMade, Progressed, StateChanged
from common.store.jobs import Snapshot
from scheduler.watch.watch import Beat, Update, WasReset
from scheduler.wire.jobs import error_to_pb, progress_to_pb, snapshot_to_pb
from scheduler.wire.results import part_to_pb
from scheduler.wire.times import instant_to_pb


def update_to_pb(update: Update, *, full: bool) -> pb.WatchJobResponse:
    message = pb.WatchJobResponse(resume_token=update.resume_token, event_time=instant_to_pb(update.at_ms))
    match update.what:
        case Snapshot() as snapshot:
            message.snapshot.CopyFrom(snapshot_to_pb(snapshot, full=full))
        case StateChanged() as change:
            message.state_change.CopyFrom(state_change_to_pb(change))
        case Progressed(progress=progress):
            message.progress.CopyFrom(progress_to_pb(progress))
        case PartMade(at_ms=at_ms, attempt=attempt, name=name, content=content):
            message.partial_result.CopyFrom(part_to_pb(Part(name, attempt, at_ms, content)))
        case Beat():
            message.heartbeat.SetInParent()
        case WasReset():
            message.reset.SetInParent()
    return message


def state_change_to_pb(change: StateChanged) -> pb.WatchJobResponse.StateChange:
    message = pb.WatchJobResponse.StateChange(
        state=pb.Job.State.Value(change.state.value), attempt=change.attempt
    )
    if change.error is not None:
        message.error.CopyFrom(error_to_pb(change.error))
    return message
