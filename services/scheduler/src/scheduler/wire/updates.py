"""Messages of watches: updates to `WatchJobResponse`, packets to `WatchJobsResponse`."""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from common.job.model import Part
from common.store.events import PartMade, Progressed, StateChanged
from common.store.jobs import Snapshot
from scheduler.watch.packet import Kind, Packet, Removed, Told
from scheduler.watch.watch import Beat, Update, WasReset
from scheduler.wire.jobs import STATES, error_to_pb, progress_to_pb, snapshot_to_pb
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


def packet_to_pb(packet: Packet, *, full: bool) -> pb.WatchJobsResponse:
    message = pb.WatchJobsResponse(
        events=[_event_to_pb(told, full) for told in packet.told],
        resume_token=packet.resume_token,
        event_time=instant_to_pb(packet.at_ms),
    )
    match packet.kind:
        case Kind.RESET:
            message.reset.SetInParent()
        case Kind.BEAT:
            message.heartbeat.SetInParent()
        case Kind.COMPLETE:
            message.snapshot_complete = True
    return message


def _event_to_pb(told: Told, full: bool) -> pb.WatchJobsResponse.Event:
    match told:
        case StateChanged():
            return pb.WatchJobsResponse.Event(
                job_id=told.job_id,
                state_change=state_change_to_pb(told),
                event_time=instant_to_pb(told.at_ms),
            )
        case Progressed():
            return pb.WatchJobsResponse.Event(
                job_id=told.job_id,
                progress=progress_to_pb(told.progress),
                event_time=instant_to_pb(told.at_ms),
            )
        case PartMade():
            part = Part(told.name, told.attempt, told.at_ms, told.content)
            return pb.WatchJobsResponse.Event(
                job_id=told.job_id, partial_result=part_to_pb(part), event_time=instant_to_pb(told.at_ms)
            )
        case Snapshot():
            return pb.WatchJobsResponse.Event(
                job_id=told.job.job_id,
                snapshot=snapshot_to_pb(told, full=full),
                event_time=instant_to_pb(told.job.updated_ms),
            )
        case Removed():
            return pb.WatchJobsResponse.Event(
                job_id=told.job_id,
                removed=pb.WatchJobsResponse.Removed(),
                event_time=instant_to_pb(told.at_ms),
            )


def state_change_to_pb(change: StateChanged) -> pb.WatchJobResponse.StateChange:
    message = pb.WatchJobResponse.StateChange(state=STATES[change.state], attempt=change.attempt)
    if change.error is not None:
        message.error.CopyFrom(error_to_pb(change.error))
    return message
