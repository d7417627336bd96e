"""Requests of one call, read by what they have in common: each as it would be by itself, or not at all."""

from __future__ import annotations

import random
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from bothsides.jobs import v1 as pb
from common.job.ids import queue_of
from scheduler.wire.alike import AlikeRequests
from scheduler.wire.requests import Origin
from scheduler.wire.values import object_to_pb, value_to_pb
from support.random_messages import random_message
from support.read_alone import RETRY, but_for_the_new, by_itself

ORIGIN = Origin("acme", "ab" * 16, {"traceparent": "00-1-2-01"})
ARGUMENTS: list[Any] = ["a", 1, -2.5, None, True, {"deep": [1, {"x": "\x00 ü"}]}, [], "\t\n"]


def generic(*args: Any, request_id: str = "r-1", **fields: Any) -> pb.CreateJobRequest:
    spec = pb.JobSpec(generic=pb.GenericSpec(actor="work", queue="mine"))
    spec.generic.args.extend(value_to_pb(argument) for argument in args)
    return pb.CreateJobRequest(job=pb.Job(spec=spec, **fields), request_id=request_id)


def assert_read_alike(alike: AlikeRequests, request: pb.CreateJobRequest) -> bool:
    """Check what is read of a request; return whether it was."""
    given = pb.CreateJobRequest()
    given.CopyFrom(request)
    found = alike.read(given)
    if found is None:
        assert given == request
        return False
    expected = by_itself(request, ORIGIN)
    assert expected is not None
    assert not request.validate_only
    assert queue_of(found.job_id) == found.queue
    assert but_for_the_new(found) == but_for_the_new(expected)
    return True


def test_usual_requests_are_read_as_each_would_be_by_itself() -> None:
    chance = random.Random(7)
    alike = AlikeRequests(ORIGIN, RETRY)
    for number in range(300):
        request = generic(
            *chance.choices(ARGUMENTS, k=chance.randrange(4)), request_id=chance.choice(["", f"r-{number}"])
        )
        if chance.random() < 0.5:
            request.job.priority = pb.Job.HIGH
            request.job.schedule_time.CopyFrom(Timestamp(seconds=4_000_000_000))
            request.job.timeout.CopyFrom(Duration(seconds=30))
        for label in chance.sample(["team", "of", "number"], k=chance.randrange(4)):
            request.job.labels[label] = str(number % 3)
        if chance.random() < 0.5:
            kwargs = dict(zip("abc", chance.choices(ARGUMENTS, k=2), strict=False))
            request.job.spec.generic.kwargs.CopyFrom(object_to_pb(kwargs))
        assert assert_read_alike(alike, request)


def test_random_requests_are_read_as_each_would_be_by_itself_or_not_at_all() -> None:
    chance = random.Random(8)
    for _ in range(40):
        alike = AlikeRequests(ORIGIN, RETRY)
        for _ in range(25):
            request = random_message(pb.CreateJobRequest, chance, ("work", "mine", "blue") * 8)
            assert isinstance(request, pb.CreateJobRequest)
            assert_read_alike(alike, request)


@pytest.mark.parametrize(
    "request_",
    [
        pb.CreateJobRequest(),
        pb.CreateJobRequest(
            job=pb.Job(
                spec=pb.JobSpec(transcript_analysis=pb.TranscriptAnalysisSpec(conversation_id="debate-1"))
            )
        ),
        pb.CreateJobRequest(
            job=pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec(actor="work"))), request_id="a b"
        ),
        pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec(actor="transcript_analysis")))),
        pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec(actor="not one")))),
        generic(*range(65)),
        generic(timeout=Duration(seconds=-1)),
        generic(queue="read only"),
        generic(labels={"Not a label's name": "x"}),
        generic("x", request_id="é"),
    ],
    ids=str,
)
def test_an_unusual_request_is_left_as_it_was(request_: pb.CreateJobRequest) -> None:
    alike = AlikeRequests(ORIGIN, RETRY)
    for _ in range(3):
        assert not assert_read_alike(alike, request_)


def test_a_number_that_is_not_finite_is_left_to_who_can_name_it() -> None:
    request = generic("x")
    request.job.spec.generic.args.add().number_value = float("inf")
    assert not assert_read_alike(AlikeRequests(ORIGIN, RETRY), request)


def test_requests_of_which_no_two_are_alike_are_not_looked_at_for_long() -> None:
    alike = AlikeRequests(ORIGIN, RETRY)
    read = [alike.read(generic("x", unique_key=f"k-{number}")) is not None for number in range(100)]
    assert read[0]
    assert not any(read[50:])
