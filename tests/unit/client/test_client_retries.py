"""A call whose error names the time to try again is repeated then, within its own time.

The test plays the server on a testing channel. What gRPC repeats by itself is tested against a real server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
import grpc_testing
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from bothsides.jobs import v1 as pb
from bothsides_client.client import Client
from bothsides_client.errors import Cancelled, JobNotFound, QueueFull, RequestFailed, StoreUnavailable
from bothsides_client.retry import Reconnect
from support.replies import method, reason, status, trailers

T = TypeVar("T")
CREATE = method("JobService", "CreateJob")
RETRY = method("JobService", "RetryJob")


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
def caller(channel: Any, clock: Clock) -> Client:
    client = Client(channel=channel, timeout_s=10.0, reconnect=Reconnect(min_s=0.5, random=lambda: 0.5))
    client.sleep, client.now_s = clock.sleep, lambda: clock.now
    return client


class Calling:
    """A call that is made in the background."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._answer: Any = None
        self._error: RequestFailed | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer = self._call()
        except RequestFailed as error:
            self._error = error

    def result(self) -> Any:
        self._thread.join(20)
        if self._error is not None:
            raise self._error
        return self._answer


def full(seconds: int) -> status_pb2.Status:
    delay = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=seconds))
    return status(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", reason("QUEUE_FULL"), delay)


def refuse(channel: Any, descriptor: Any, answer: status_pb2.Status) -> Any:
    """Refuse the next call, and return its request."""
    _, request, call = channel.take_unary_unary(descriptor)
    code = next(code for code in grpc.StatusCode if code.value[0] == answer.code)
    call.send_initial_metadata(())
    call.terminate(None, trailers(answer), code, answer.message)
    return request


def accept(channel: Any, descriptor: Any) -> Any:
    """Answer the next call with a job, and return its request."""
    _, request, call = channel.take_unary_unary(descriptor)
    call.send_initial_metadata(())
    call.terminate(pb.Job(job_id="a-1"), (), grpc.StatusCode.OK, "")
    return request


def test_a_full_queue_is_tried_again_when_it_says(channel: Any, caller: Client, clock: Clock) -> None:
    """With the same request id, and a little later than the delay, so that not all come back at once."""
    calling = Calling(lambda: caller.create_job(pb.Job()))
    first = refuse(channel, CREATE, full(3))
    second = accept(channel, CREATE)
    assert calling.result().job_id == "a-1"
    assert first == second
    assert clock.slept == [3.5]


def test_it_is_raised_when_the_delay_would_outlast_the_call(
    channel: Any, caller: Client, clock: Clock
) -> None:
    """Given a call of 10 s and a delay of 4 s, there is time for two more attempts and no third."""
    calling = Calling(lambda: caller.create_job(pb.Job()))
    for _ in range(3):
        refuse(channel, CREATE, full(4))
    with pytest.raises(QueueFull) as raised:
        calling.result()
    assert raised.value.retry_after_s == 4.0
    assert clock.slept == [4.5, 5.0]


def test_a_delay_of_nothing_is_a_pause_all_the_same(channel: Any, caller: Client, clock: Clock) -> None:
    """A replica that shuts down says "at once"; the pauses grow all the same, so that there is no storm."""
    calling = Calling(lambda: caller.create_job(pb.Job()))
    for _ in range(4):
        refuse(channel, CREATE, full(0))
    accept(channel, CREATE)
    calling.result()
    assert clock.slept == [0.5, 1.0, 2.0, 2.5]


def test_an_error_without_a_delay_is_raised_at_once(channel: Any, caller: Client, clock: Clock) -> None:
    calling = Calling(lambda: caller.create_job(pb.Job()))
    refuse(channel, CREATE, status(grpc.StatusCode.NOT_FOUND, "no job", reason("JOB_NOT_FOUND")))
    with pytest.raises(JobNotFound):
        calling.result()
    assert clock.slept == []


def test_what_is_not_safe_to_repeat_is_not_repeated(channel: Any, caller: Client, clock: Clock) -> None:
    delay = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1))
    away = status(grpc.StatusCode.UNAVAILABLE, "away", reason("STORE_UNAVAILABLE"), delay)
    calling = Calling(lambda: caller.retry_job("a-1"))
    refuse(channel, RETRY, away)
    with pytest.raises(StoreUnavailable):
        calling.result()
    assert clock.slept == []


def test_a_call_that_a_stopping_server_cancelled_is_made_again(
    channel: Any, caller: Client, clock: Clock
) -> None:
    """gRPC answers so to what has arrived but was not begun, on behalf of a server that stops."""
    calling = Calling(lambda: caller.create_job(pb.Job()))
    _, first, call = channel.take_unary_unary(CREATE)
    call.terminate(None, (), grpc.StatusCode.CANCELLED, "CANCELLED")
    second = accept(channel, CREATE)
    assert calling.result().job_id == "a-1"
    assert first == second
    assert clock.slept == [0.5]


def test_a_cancelled_call_that_is_not_safe_to_repeat_is_raised(
    channel: Any, caller: Client, clock: Clock
) -> None:
    calling = Calling(lambda: caller.retry_job("a-1"))
    _, _, call = channel.take_unary_unary(RETRY)
    call.terminate(None, (), grpc.StatusCode.CANCELLED, "CANCELLED")
    with pytest.raises(Cancelled):
        calling.result()
    assert clock.slept == []


def test_a_closed_client_says_so(caller: Client) -> None:
    caller.close()
    with pytest.raises(Cancelled, match="the client is closed"):
        caller.get_job("a-1")
    with pytest.raises(Cancelled, match="the client is closed"):
        next(caller.watch_job("a-1"))
