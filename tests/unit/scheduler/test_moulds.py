"""Messages made as bytes are those that would have been made one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothsides.jobs import v1 as pb
from common.job.ids import JobId
from common.job.model import ErrorClass, JobError, Progress
from common.job.states import JobState
from common.store.events import Progressed, StateChanged
from scheduler.watch.packet import Kind, Packet, Removed, Told
from scheduler.wire.moulds import Mould
from scheduler.wire.updates import packet_to_pb

ERROR = JobError(ErrorClass.BUG, "BROKEN", "it broke", attempt=1, at_ms=5)
IDS = st.sampled_from(
    [*(JobId(f"exp-{number:026}") for number in range(5)), JobId("q.ä-1"), JobId("q.other-1")]
)
TIMES = st.sampled_from([1_700_000_000_000, 1_700_000_000_001, 0])
TOLD: st.SearchStrategy[Told] = st.one_of(
    st.builds(
        StateChanged,
        IDS,
        TIMES,
        st.integers(0, 2),
        st.sampled_from(list(JobState)),
        st.sampled_from([None, ERROR]),
    ),
    st.builds(Progressed, IDS, TIMES, st.just(1), st.just(Progress(0.5, "half"))),
    st.builds(Removed, IDS, TIMES),
)


@given(st.lists(TOLD, max_size=12))
def test_a_packet_tells_what_packets_of_one_event_each_tell(told: list[Told]) -> None:
    whole = packet_to_pb(Packet(told, "token", 7), full=False)
    alone = [packet_to_pb(Packet([one], "token", 7), full=False) for one in told]
    assert list(whole.events) == [event for packet in alone for event in packet.events]
    assert (whole.resume_token, whole.event_time.nanos) == ("token", 7_000_000)
    for event, one in zip(whole.events, told, strict=True):
        assert event.job_id == one.job_id  # type: ignore[union-attr]  # none of them is a snapshot
        assert event.event_time.ToMilliseconds() == one.at_ms  # type: ignore[union-attr]
        if isinstance(one, StateChanged):
            change = event.state_change
            assert (pb.Job.State.Name(change.state), change.attempt) == (one.state.value, one.attempt)
            assert change.HasField("error") == (one.error is not None)


def test_a_packet_without_events_says_what_it_is() -> None:
    assert packet_to_pb(Packet([], "token", 7, Kind.RESET), full=False).HasField("reset")


def test_a_mould_fits_ids_of_its_length_alone() -> None:
    mould = Mould(pb.Job(job_id="exp-1", actor="work"), "exp-1")
    assert not mould.fits("exp-12")
    assert not mould.fits("exp-ä")
    assert mould.fits("exp-2")
    assert pb.Job.FromString(mould.cast("exp-2")) == pb.Job(job_id="exp-2", actor="work")


@pytest.mark.parametrize("message", [pb.Job(actor="work"), pb.Job(job_id="exp-1", actor="exp-1")])
@pytest.mark.parametrize("own_id", ["exp-1", ""])
def test_of_a_message_without_its_id_or_with_two_no_other_is_made(message: pb.Job, own_id: str) -> None:
    mould = Mould(message, own_id)
    assert pb.Job.FromString(mould.whole) == message
    assert not mould.fits("exp-2")
