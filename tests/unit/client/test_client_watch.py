"""A watch neither repeats nor loses a message, however often its connection does.

The test plays the server on a testing channel: it takes each stream that the client opens, looks at its
request, and decides what comes and how it ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import grpc
import grpc_testing
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from bothsides.jobs import v1 as pb
from bothsides_client.client import Client
from bothsides_client.errors import (
    BothSidesError,
    DeadlineExceeded,
    Internal,
    JobUnsuccessful,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
)
from bothsides_client.retry import Reconnect
from support.replies import method, reason, status, trailers
from support.waiting import wait_until

WATCH = method("JobService", "WatchJob")
OK = grpc.StatusCode.OK
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def channel() -> Any:
    return grpc_testing.channel([], grpc_testing.strict_real_time())


@pytest.fixture
def watcher(channel: Any, clock: Clock) -> Client:
    reconnect = Reconnect(min_s=1.0, max_s=8.0, patience_s=30.0, random=lambda: 1.0)
    client = Client(channel=channel, reconnect=reconnect)
    client.sleep, client.now_s = clock.sleep, lambda: clock.now
    return client


def snapshot(state: pb.Job.State.ValueType, token: str) -> pb.WatchJobResponse:
    return pb.WatchJobResponse(snapshot=pb.Job(job_id="a-1", state=state), resume_token=token)


def change(state: pb.Job.State.ValueType, token: str) -> pb.WatchJobResponse:
    return pb.WatchJobResponse(state_change=pb.WatchJobResponse.StateChange(state=state), resume_token=token)


def progress(fraction: float, token: str) -> pb.WatchJobResponse:
    return pb.WatchJobResponse(progress=pb.Progress(fraction=fraction), resume_token=token)


class Watching:
    """A watch that goes on in the background, and what it has yielded."""

    def __init__(self, messages: Iterator[Any]) -> None:
        self.seen: list[Any] = []
        self._error: BaseException | None = None
        self._messages = messages
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for message in self._messages:
                self.seen.append(message)
        except BothSidesError as error:
            self._error = error

    def result(self) -> list[Any]:
        """Return all messages once the watch has ended, or raise what ended it."""
        wait_until(lambda: not self._thread.is_alive())
        if self._error is not None:
            raise self._error
        return self.seen


class Waiting(Watching):
    """A call that waits in the background for the end of a watch."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(call() for _ in range(1))

    def result(self) -> Any:
        return super().result()[0]

    def answer(self, channel: Any, messages: Sequence[Any], code: grpc.StatusCode) -> None:
        """Answer the next stream that is opened."""
        _, _, stream = channel.take_unary_stream(WATCH)
        stream.send_initial_metadata(())
        for message in messages:
            stream.send_response(message)
        stream.terminate((), code, "")


@pytest.fixture
def watching(watcher: Client) -> Watching:
    return Watching(watcher.watch_job("a-1", full=True))


def answer(
    channel: Any,
    watching: Watching,
    messages: Sequence[Any],
    code: grpc.StatusCode = OK,
    refusal: status_pb2.Status | None = None,
) -> str:
    """Answer the next stream that is opened, and return the token with which it was.

    The stream ends once its messages were read: a testing channel forgets the unread ones of a failed call.
    """
    _, request, stream = channel.take_unary_stream(WATCH)
    stream.send_initial_metadata(())
    read = len(watching.seen) + len(messages)
    for message in messages:
        stream.send_response(message)
    wait_until(lambda: len(watching.seen) == read)
    stream.terminate(trailers(refusal) if refusal else (), code, refusal.message if refusal else "")
    assert (request.job_id, request.view) == ("a-1", pb.JOB_VIEW_FULL)
    return str(request.resume_token)


def test_a_watch_ends_with_the_final_snapshot(channel: Any, watching: Watching) -> None:
    messages = [snapshot(pb.Job.RUNNING, "1"), change(pb.Job.SUCCEEDED, "2"), snapshot(pb.Job.SUCCEEDED, "3")]
    assert answer(channel, watching, messages) == ""
    assert watching.result() == messages


def test_a_lost_connection_is_resumed_behind_the_last_message(
    channel: Any, watching: Watching, clock: Clock
) -> None:
    first = [snapshot(pb.Job.RUNNING, "1"), progress(0.5, "2")]
    assert answer(channel, watching, first, UNAVAILABLE) == ""
    # When the next attempt fails before a message comes, the token stays.
    assert answer(channel, watching, [], UNAVAILABLE) == "2"
    rest = [change(pb.Job.SUCCEEDED, "3"), snapshot(pb.Job.SUCCEEDED, "4")]
    assert answer(channel, watching, rest) == "2"
    assert watching.result() == first + rest
    assert clock.slept == [2.0, 4.0]


def test_a_stream_that_closes_early_is_resumed(channel: Any, watching: Watching) -> None:
    """A replica that shuts down ends its streams with OK."""
    answer(channel, watching, [snapshot(pb.Job.RUNNING, "1")])
    # The final change alone is not the end: the snapshot with the result is still to come.
    assert answer(channel, watching, [change(pb.Job.SUCCEEDED, "2")]) == "1"
    assert answer(channel, watching, [snapshot(pb.Job.SUCCEEDED, "3")]) == "2"
    assert [message.resume_token for message in watching.result()] == ["1", "2", "3"]


def test_a_watch_of_a_final_job_is_one_snapshot(channel: Any, watching: Watching) -> None:
    answer(channel, watching, [snapshot(pb.Job.CANCELLED, "9")])
    assert [message.snapshot.state for message in watching.result()] == [pb.Job.CANCELLED]


def test_an_error_after_the_end_is_no_error(channel: Any, watching: Watching) -> None:
    answer(channel, watching, [snapshot(pb.Job.FAILED, "1")], UNAVAILABLE)
    assert len(watching.result()) == 1


def test_a_watch_begins_behind_the_callers_token(channel: Any, watcher: Client) -> None:
    watching = Watching(watcher.watch_job("a-1", full=True, resume_token="41"))
    assert answer(channel, watching, [snapshot(pb.Job.SUCCEEDED, "42")]) == "41"
    watching.result()


def test_heartbeats_and_resets_are_handed_on_and_move_the_token(channel: Any, watching: Watching) -> None:
    quiet = pb.WatchJobResponse(heartbeat=pb.WatchJobResponse.Heartbeat(), resume_token="1")
    reset = pb.WatchJobResponse(reset=pb.WatchJobResponse.Reset(), resume_token="2")
    answer(channel, watching, [quiet, reset], UNAVAILABLE)
    assert answer(channel, watching, [snapshot(pb.Job.SUCCEEDED, "3")]) == "2"
    assert [message.WhichOneof("event") for message in watching.result()] == [
        "heartbeat",
        "reset",
        "snapshot",
    ]


def test_a_watch_that_was_too_slow_comes_again_when_the_server_says(
    channel: Any, watching: Watching, clock: Clock
) -> None:
    slow = status(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "too slow",
        reason("WATCH_TOO_SLOW"),
        error_details_pb2.RetryInfo(retry_delay=Duration(seconds=7)),
    )
    answer(channel, watching, [snapshot(pb.Job.RUNNING, "1")], grpc.StatusCode.RESOURCE_EXHAUSTED, slow)
    assert answer(channel, watching, [snapshot(pb.Job.SUCCEEDED, "2")]) == "1"
    assert len(watching.result()) == 2
    assert clock.slept == [7.0]


@pytest.mark.parametrize(
    ("code", "error"),
    [(grpc.StatusCode.NOT_FOUND, NotFound), (grpc.StatusCode.RESOURCE_EXHAUSTED, ResourceExhausted)],
)
def test_a_refusal_is_raised_at_once(
    channel: Any,
    watching: Watching,
    clock: Clock,
    code: grpc.StatusCode,
    error: type[Exception],
) -> None:
    answer(channel, watching, [], code)
    with pytest.raises(error):
        watching.result()
    assert clock.slept == []


def test_a_stream_that_the_transport_broke_is_resumed(channel: Any, watching: Watching) -> None:
    """A proxy that resets a stream makes it INTERNAL without a reason; the platform's own has one."""
    answer(channel, watching, [snapshot(pb.Job.RUNNING, "1")], grpc.StatusCode.INTERNAL)
    fault = status(grpc.StatusCode.INTERNAL, "report it", reason("INTERNAL"))
    assert answer(channel, watching, [], grpc.StatusCode.INTERNAL, fault) == "1"
    with pytest.raises(Internal):
        watching.result()


def test_patience_ends_when_nothing_is_heard(channel: Any, watching: Watching, clock: Clock) -> None:
    """The pauses double up to the longest; after 30 s of silence the last failure is raised."""
    for _ in range(6):
        answer(channel, watching, [], UNAVAILABLE)
    with pytest.raises(Unavailable, match="does not answer"):
        watching.result()
    assert clock.slept == [2.0, 4.0, 8.0, 8.0, 8.0]


def test_patience_begins_anew_with_every_message(channel: Any, watching: Watching, clock: Clock) -> None:
    for number in range(20):
        answer(channel, watching, [progress(number / 20, str(number))], UNAVAILABLE)
    answer(channel, watching, [snapshot(pb.Job.SUCCEEDED, "end")])
    assert len(watching.result()) == 21
    assert clock.now > 30.0


def test_leaving_a_watch_cancels_its_stream(channel: Any, watcher: Client) -> None:
    watching = Watching(islice(watcher.watch_job("a-1", full=True), 1))
    _, _, stream = channel.take_unary_stream(WATCH)
    stream.send_initial_metadata(())
    stream.send_response(snapshot(pb.Job.RUNNING, "1"))
    assert [message.resume_token for message in watching.result()] == ["1"]
    del watching  # with it goes the last reference to the watch
    stream.cancelled()  # returns only once the client has cancelled


def test_a_health_watch_begins_again_after_a_lost_connection(channel: Any, watcher: Client) -> None:
    watching = Watching(watcher.watch_health())
    states = [pb.Health.HEALTHY, pb.Health.DEGRADED, pb.Health.HEALTHY]
    for number, health in enumerate(states, 1):
        _, _, stream = channel.take_unary_stream(method("MonitorService", "WatchHealth"))
        stream.send_initial_metadata(())
        stream.send_response(pb.Health(status=health))
        wait_until(lambda count=number: len(watching.seen) == count)  # type: ignore[misc]
        stream.terminate((), UNAVAILABLE if number < len(states) else grpc.StatusCode.PERMISSION_DENIED, "")
    with pytest.raises(PermissionDenied):
        watching.result()
    assert [health.status for health in watching.seen] == states


def test_a_watch_of_many_jobs_is_resumed_behind_the_last_message(channel: Any, watcher: Client) -> None:
    watching = Watching(
        islice(watcher.watch_jobs("state = RUNNING", include_snapshot=True), 3),
    )
    requests, read = [], 0
    for tokens in (["1", "2"], ["3"]):
        _, request, stream = channel.take_unary_stream(method("JobService", "WatchJobs"))
        requests.append(request)
        stream.send_initial_metadata(())
        for token in tokens:
            event = pb.WatchJobsResponse.Event(job_id="a-1", progress=pb.Progress())
            stream.send_response(pb.WatchJobsResponse(events=[event], resume_token=token))
        read += len(tokens)
        wait_until(lambda count=read: len(watching.seen) == count)  # type: ignore[misc]
        if read < 3:
            stream.terminate((), UNAVAILABLE, "")
    assert [message.resume_token for message in watching.result()] == ["1", "2", "3"]
    assert [(each.filter, each.resume_token, each.include_snapshot) for each in requests] == [
        ("state = RUNNING", "", True),
        ("state = RUNNING", "2", True),
    ]


class TestWaiting:
    def test_the_final_job_is_returned_whatever_became_of_it(self, channel: Any, watcher: Client) -> None:
        waiting = Waiting(lambda: watcher.wait_for_job("a-1"))
        waiting.answer(channel, [], UNAVAILABLE)
        waiting.answer(channel, [change(pb.Job.CANCELLED, "2"), snapshot(pb.Job.CANCELLED, "3")], OK)
        assert waiting.result().state == pb.Job.CANCELLED

    def test_a_result_is_returned(self, channel: Any, watcher: Client) -> None:
        waiting = Waiting(lambda: watcher.wait_for_result("a-1"))
        done = snapshot(pb.Job.SUCCEEDED, "1")
        done.snapshot.result.generic.number_value = 7
        waiting.answer(channel, [done], OK)
        assert waiting.result().generic.number_value == 7

    def test_an_end_without_result_is_an_error_with_the_job(self, channel: Any, watcher: Client) -> None:
        waiting = Waiting(lambda: watcher.wait_for_result("a-1"))
        failed = snapshot(pb.Job.FAILED, "1")
        failed.snapshot.last_error.reason = "TIME_LIMIT"
        failed.snapshot.last_error.message = "ran too long"
        waiting.answer(channel, [failed], OK)
        with pytest.raises(JobUnsuccessful, match="'a-1' ended FAILED: TIME_LIMIT: ran too long") as raised:
            waiting.result()
        assert raised.value.job == failed.snapshot

    def test_the_time_bounds_all_streams_and_pauses_together(
        self, channel: Any, watcher: Client, clock: Clock
    ) -> None:
        """Pauses of 2, 4 and 8 s do not fit into 10 s: the third is not begun."""
        waiting = Waiting(lambda: watcher.wait_for_job("a-1", timeout_s=10))
        for _ in range(3):
            waiting.answer(channel, [], UNAVAILABLE)
        with pytest.raises(DeadlineExceeded):
            waiting.result()
        assert clock.slept == [2.0, 4.0]


def test_pauses_stay_within_their_bounds() -> None:
    for failures in range(1, 2_000, 37):
        full = Reconnect(min_s=0.1, max_s=5.0, random=lambda: 1.0).pause_s(failures)
        assert 0.1 <= full <= 5.0
        assert Reconnect(min_s=0.1, max_s=5.0, random=lambda: 0.0).pause_s(failures) == 0.0
