"""What a caller meets, over a real port, when a servicer raises."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import redis.exceptions
from google.rpc import error_details_pb2 as details

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from common.auth.door import Door
from common.errors import JobNotFound, QueueFull, StoreUnavailable
from common.logs import JsonFormatter
from common.rpc.calls import Calls
from common.settings import AuthSettings
from support.rpc import (
    JOB_SERVICE,
    ScriptedJobs,
    Torrent,
    detail,
    failed_stream,
    failure,
    leave_in_the_middle,
    serving,
    status_in,
)
from support.waiting import wait_until_async

HIDDEN = "what Ana said in private"


async def test_a_raised_error_ends_a_unary_call_with_its_status_and_details() -> None:
    async with serving(ScriptedJobs({"j": lambda: JobNotFound("j")})) as channel:
        error = await failure(pb.JobServiceStub(channel).GetJob(pb.GetJobRequest(job_id="j")))

    assert error.code() is grpc.StatusCode.NOT_FOUND
    status = status_in(error)
    assert status.message == error.details()
    assert detail(status, details.ErrorInfo).reason == "JOB_NOT_FOUND"
    assert detail(status, details.ResourceInfo).resource_name == "j"


async def test_an_error_in_the_middle_of_a_stream_comes_after_its_messages() -> None:
    async with serving(ScriptedJobs({"j": lambda: QueueFull("exports", 5)})) as channel:
        messages, error = await failed_stream(
            pb.JobServiceStub(channel).WatchJob(pb.WatchJobRequest(job_id="j"))
        )

    assert [message.resume_token for message in messages] == ["0 anonymous", "1 anonymous", "2 anonymous"]
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert detail(status_in(error), details.RetryInfo).retry_delay.ToMilliseconds() == 5_000


async def test_an_unforeseen_error_tells_the_caller_an_id_and_the_log_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> BaseException:
        return ValueError(HIDDEN)

    async with serving(ScriptedJobs({"j": broken})) as channel:
        stub = pb.JobServiceStub(channel)
        unary = await failure(stub.GetJob(pb.GetJobRequest(job_id="j")))
        _, stream = await failed_stream(stub.WatchJob(pb.WatchJobRequest(job_id="j")))

    for error, record in zip((unary, stream), caplog.records, strict=True):
        assert error.code() is grpc.StatusCode.INTERNAL
        request_id = detail(status_in(error), details.RequestInfo).request_id
        assert HIDDEN not in str(error)
        # The log names the call and the place, under the id that the caller was told; not the text.
        line = JsonFormatter().format(record)
        assert record.levelno == logging.ERROR
        assert request_id in line
        assert "ValueError" in line
        assert " _answer" in line
        assert HIDDEN not in line


@pytest.mark.parametrize(
    ("foreign", "code", "reason"),
    [
        (redis.exceptions.ConnectionError(HIDDEN), grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE"),
        (redis.exceptions.TimeoutError(HIDDEN), grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE"),
        (
            redis.exceptions.ResponseError("OOM command not allowed when used memory > 'maxmemory'"),
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "STORE_FULL",
        ),
    ],
)
async def test_an_error_of_the_store_is_told_in_the_platforms_own_words(
    foreign: redis.exceptions.RedisError, code: grpc.StatusCode, reason: str
) -> None:
    async with serving(ScriptedJobs({"j": lambda: foreign})) as channel:
        error = await failure(pb.JobServiceStub(channel).GetJob(pb.GetJobRequest(job_id="j")))

    assert error.code() is code
    status = status_in(error)
    assert detail(status, details.ErrorInfo).reason == reason
    assert detail(status, details.RetryInfo).retry_delay.ToMilliseconds() > 0
    assert HIDDEN not in str(error)


@pytest.mark.parametrize(
    "data",
    [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe", b"\x0b" * 200],
    ids=["no tag", "cut short", "not UTF-8", "nested too deeply"],
)
async def test_bytes_that_are_no_message_are_refused_as_any_wrong_request(data: bytes) -> None:
    servicer = ScriptedJobs()
    async with serving(servicer) as opened:
        channel: Any = opened  # its methods are typed for messages, not for bytes
        unary = await failure(channel.unary_unary(f"/{JOB_SERVICE}/GetJob")(data))
        _, stream = await failed_stream(channel.unary_stream(f"/{JOB_SERVICE}/WatchJob")(data))
        reflection = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        _, both = await failed_stream(reflection(iter([data])))

    assert servicer.seen == []
    for error in (unary, stream, both):
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        status = status_in(error)
        assert detail(status, details.ErrorInfo).reason == "REQUEST_UNREADABLE"
        assert [item.field for item in detail(status, details.BadRequest).field_violations] == ["request"]


async def test_a_broken_rule_is_reported_before_the_servicer_sees_the_request() -> None:
    servicer = ScriptedJobs()
    async with serving(servicer) as channel:
        stub = pb.JobServiceStub(channel)
        unary = await failure(stub.CreateJob(pb.CreateJobRequest(request_id="with space")))
        _, stream = await failed_stream(stub.WatchJob(pb.WatchJobRequest()))

    assert servicer.seen == []
    assert {unary.code(), stream.code()} == {grpc.StatusCode.INVALID_ARGUMENT}
    fields = [item.field for item in detail(status_in(unary), details.BadRequest).field_violations]
    assert sorted(fields) == ["job", "request_id"]
    [violation] = detail(status_in(stream), details.BadRequest).field_violations
    assert violation.field == "job_id"


async def test_very_many_violations_still_reach_the_caller() -> None:
    """All of them would not fit into the trailing metadata, and the caller would learn nothing."""
    job = pb.Job(
        spec=pb.JobSpec(generic=pb.GenericSpec(actor="tidy_up")),
        labels={f"Not allowed {number}": "x" for number in range(400)},
    )
    async with serving(ScriptedJobs()) as channel:
        error = await failure(pb.JobServiceStub(channel).CreateJob(pb.CreateJobRequest(job=job)))

    violations = detail(status_in(error), details.BadRequest).field_violations
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert violations[-1].description == f"and {400 + 1 - (len(violations) - 1)} more"


class Streams:
    """Handlers of the two kinds in which the client streams; the contract has none."""

    async def last_of(self, requests: AsyncIterator[bytes], _: Any) -> bytes:
        async for _request in requests:
            pass
        raise JobNotFound("last")

    async def each_of(self, requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request
        raise JobNotFound("each")


async def test_calls_with_a_stream_of_requests_end_in_the_same_way() -> None:
    streams = Streams()
    everyone: dict[str, Role | None] = {"/tests.Streams/LastOf": None, "/tests.Streams/EachOf": None}
    calls = Calls(Door(AuthSettings(), everyone), sends=True)
    calls.add_registered_method_handlers(
        "tests.Streams",
        {
            "LastOf": grpc.stream_unary_rpc_method_handler(streams.last_of),
            "EachOf": grpc.stream_stream_rpc_method_handler(streams.each_of),
        },
    )
    server = grpc.aio.server(handlers=(calls,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            last_of: grpc.aio.StreamUnaryMultiCallable[bytes, bytes]
            each_of: grpc.aio.StreamStreamMultiCallable[bytes, bytes]
            last_of = channel.stream_unary("/tests.Streams/LastOf")
            each_of = channel.stream_stream("/tests.Streams/EachOf")
            last = await failure(last_of(iter([b"a", b"b"])))
            echoed, each = await failed_stream(each_of(iter([b"a", b"b"])))
    finally:
        await server.stop(0)

    assert echoed == [b"a", b"b"]
    assert detail(status_in(last), details.ResourceInfo).resource_name == "last"
    assert detail(status_in(each), details.ResourceInfo).resource_name == "each"


class Patient(ScriptedJobs):
    """Waits until it is cancelled, and remembers that it was."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = asyncio.Event()
        self.cancelled = False

    async def GetJob(self, request: pb.GetJobRequest, context: Any) -> pb.Job:
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return pb.Job()


async def test_a_call_that_its_caller_cancels_is_not_an_error(caplog: pytest.LogCaptureFixture) -> None:
    servicer = Patient()
    async with serving(servicer) as channel:
        call = pb.JobServiceStub(channel).GetJob(pb.GetJobRequest(job_id="j"))
        await asyncio.wait_for(servicer.waiting.wait(), 20)
        call.cancel()

        async def was_cancelled() -> bool:
            return servicer.cancelled

        await wait_until_async(was_cancelled)

    assert caplog.records == []


async def test_a_caller_that_leaves_a_stream_ends_it_at_once_and_is_not_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    servicer = Torrent()
    async with serving(servicer) as channel:
        await leave_in_the_middle(channel, servicer)

    assert caplog.records == []


async def test_an_error_that_wraps_another_is_told_as_itself() -> None:
    def unavailable() -> BaseException:
        error = StoreUnavailable()
        error.__cause__ = ConnectionRefusedError(HIDDEN)
        return error

    async with serving(ScriptedJobs({"j": unavailable})) as channel:
        error = await failure(pb.JobServiceStub(channel).GetJob(pb.GetJobRequest(job_id="j")))

    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert HIDDEN not in str(error)


async def test_a_method_that_is_not_written_is_unimplemented() -> None:
    class Unwritten(ScriptedJobs):
        GetJob = pb.JobServiceServicer.GetJob  # type: ignore[assignment]
        WatchJob = pb.JobServiceServicer.WatchJob  # type: ignore[assignment]

    async with serving(Unwritten()) as channel:
        stub = pb.JobServiceStub(channel)
        unary = await failure(stub.GetJob(pb.GetJobRequest(job_id="j")))
        _, stream = await failed_stream(stub.WatchJob(pb.WatchJobRequest(job_id="j")))

    assert unary.code() is grpc.StatusCode.UNIMPLEMENTED, unary
    assert stream.code() is grpc.StatusCode.UNIMPLEMENTED, stream
