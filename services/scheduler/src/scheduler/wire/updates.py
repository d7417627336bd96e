"""Messages of watches: updates to `WatchJobResponse`, packets to `WatchJobsResponse`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bothsides.jobs import v1 as pb
from common.store.events import Progressed, StateChanged
from common.store.jobs import Snapshot
from scheduler.watch.packet import Kind, Packet, Removed, Told
from scheduler.watch.parts import PartTold
from scheduler.watch.watch import Beat, Update, WasReset
from scheduler.wire.jobs import STATES, error_to_pb, progress_to_pb, snapshot_to_pb
from scheduler.wire.moulds import Mould
from scheduler.wire.results import part_to_pb
from scheduler.wire.times import instant_to_pb, set_instant


def update_to_pb(update: Update, *, full: bool) -> pb.WatchJobResponse:
    message = pb.WatchJobResponse(resume_token=update.resume_token, event_time=instant_to_pb(update.at_ms))
    match update.what:
        case Snapshot() as snapshot:
            message.snapshot.CopyFrom(snapshot_to_pb(snapshot, full=full))
        case StateChanged() as change:
            message.state_change.CopyFrom(state_change_to_pb(change))
        case Progressed(progress=progress):
            message.progress.CopyFrom(progress_to_pb(progress))
        case PartTold(part=part):
            message.partial_result.CopyFrom(part_to_pb(part))
        case Beat():
            message.heartbeat.SetInParent()
        case WasReset():
            message.reset.SetInParent()
    return message


def packet_to_pb(packet: Packet, *, full: bool) -> pb.WatchJobsResponse:
    message = pb.WatchJobsResponse(resume_token=packet.resume_token)
    set_instant(message.event_time, packet.at_ms)
    if packet.told:
        message.MergeFromString(b"".join(_events(packet.told, full)))
    match packet.kind:
        case Kind.RESET:
            message.reset.SetInParent()
        case Kind.BEAT:
            message.heartbeat.SetInParent()
        case Kind.COMPLETE:
            message.snapshot_complete = True
    return message


def _events(told: Iterable[Told], full: bool) -> Iterator[bytes]:
    """Yield a message with each event, as bytes: most differ from the one before by the job's id alone."""
    last: StateChanged | None = None
    mould: Mould | None = None
    for one in told:
        if isinstance(one, StateChanged) and one.error is None:
            is_like = last is not None and (one.state, one.attempt, one.at_ms) == (
                last.state,
                last.attempt,
                last.at_ms,
            )
            if mould is not None and is_like and mould.fits(one.job_id):
                yield mould.cast(one.job_id)
            else:
                last, mould = one, Mould(_event(one, full), one.job_id)
                yield mould.whole
        else:
            yield _event(one, full).SerializeToString()


def _event(told: Told, full: bool) -> pb.WatchJobsResponse:
    message = pb.WatchJobsResponse()
    _fill_event(message.events.add(), told, full)
    return message


def _fill_event(event: pb.WatchJobsResponse.Event, told: Told, full: bool) -> None:
    """Fill in an empty event."""
    if isinstance(told, StateChanged):
        event.job_id = told.job_id
        _fill_state_change(event.state_change, told)
        set_instant(event.event_time, told.at_ms)
        return
    if isinstance(told, Snapshot):
        event.job_id = told.job.job_id
        event.snapshot.CopyFrom(snapshot_to_pb(told, full=full))
        set_instant(event.event_time, told.job.updated_ms)
        return
    event.job_id = told.job_id
    set_instant(event.event_time, told.part.at_ms if isinstance(told, PartTold) else told.at_ms)
    match told:
        case Progressed():
            event.progress.CopyFrom(progress_to_pb(told.progress))
        case PartTold():
            event.partial_result.CopyFrom(part_to_pb(told.part))
        case Removed():
            event.removed.SetInParent()


def state_change_to_pb(change: StateChanged) -> pb.WatchJobResponse.StateChange:
    message = pb.WatchJobResponse.StateChange()
    _fill_state_change(message, change)
    return message


def _fill_state_change(message: pb.WatchJobResponse.StateChange, change: StateChanged) -> None:
    message.state = STATES[change.state]
    message.attempt = change.attempt
    if change.error is not None:
        message.error.CopyFrom(error_to_pb(change.error))
