"""A server of the contract's JobService whose answers a test chooses, and the reading of its errors."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message
from google.rpc import status_pb2

from bothsides.jobs import v1 as pb
from common.auth import current_caller
from common.rpc.server import Server, Service
from common.settings import Address, AuthSettings, ServerSettings
from support.unwritten import UnwrittenJobs
from support.waiting import wait_until_async

JOB_SERVICE: Final = "bothsides.jobs.v1.JobService"
ANYWHERE: Final = Address("127.0.0.1", 0)
M = TypeVar("M", bound=Message)
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
JobRequest = pb.GetJobRequest | pb.WatchJobRequest | pb.CancelJobRequest | pb.RetryJobRequest


class ScriptedJobs(UnwrittenJobs):
    """Answers with the caller's name, or raises what the script has for the job id."""

    def __init__(self, script: Mapping[str, Callable[[], BaseException]] | None = None) -> None:
        self._script = script or {}
        #: Requests that reached the servicer.
        self.seen: list[Message] = []

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.Job:
        return self._answer(request)

    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.Job:
        return self._answer(request)

    async def RetryJob(self, request: pb.RetryJobRequest, context: Context) -> pb.Job:
        return self._answer(request)

    async def WatchJob(
        self, request: pb.WatchJobRequest, context: Context
    ) -> AsyncIterator[pb.WatchJobResponse]:
        for number in range(3):
            yield pb.WatchJobResponse(resume_token=f"{number} {current_caller().subject}")
        self._answer(request)

    async def CreateJob(self, request: pb.CreateJobRequest, context: Context) -> pb.Job:
        self.seen.append(request)
        return request.job

    async def CreateJobs(self, request: pb.CreateJobsRequest, context: Context) -> pb.CreateJobsResponse:
        self.seen.append(request)
        return pb.CreateJobsResponse(
            items=[pb.CreateJobsResponse.Item(job=item.job) for item in request.requests]
        )

    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        self.seen.append(request)
        return pb.ListJobsResponse()

    def _answer(self, request: JobRequest) -> pb.Job:
        self.seen.append(request)
        if (make_error := self._script.get(request.job_id)) is not None:
            raise make_error()
        caller = current_caller()
        return pb.Job(job_id=request.job_id, tenant=caller.tenant, worker=caller.subject)


class Torrent(ScriptedJobs):
    """Watches that send without end, more than a caller takes."""

    def __init__(self) -> None:
        super().__init__()
        #: Watches that began and have not ended.
        self.open = 0

    async def WatchJob(
        self, request: pb.WatchJobRequest, context: Context
    ) -> AsyncIterator[pb.WatchJobResponse]:
        self.open += 1
        try:
            while True:
                yield pb.WatchJobResponse(resume_token="x" * 50_000)
        finally:
            self.open -= 1


async def leave_in_the_middle(channel: grpc.aio.Channel, servicer: Torrent) -> None:
    """Watch, read one message and go; return when the servicer's generator has ended."""
    watch = pb.JobServiceStub(channel).WatchJob(pb.WatchJobRequest(job_id="j"))
    await watch.read()
    assert servicer.open == 1
    watch.cancel()
    await wait_until_async(partial(_is_idle, servicer))


async def _is_idle(servicer: Torrent) -> bool:
    return servicer.open == 0


@asynccontextmanager
async def serving(
    servicer: ScriptedJobs,
    *,
    auth: AuthSettings | None = None,
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
) -> AsyncIterator[grpc.aio.Channel]:
    """Serve JobService on a free port; yields a channel to it."""
    server = Server.build(
        ServerSettings(ANYWHERE, auth or AuthSettings()),
        [Service(JOB_SERVICE, pb.add_JobServiceServicer_to_server, servicer)],
        interceptors=interceptors,
    )
    port = await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(0)


async def failure(call: Awaitable[Any]) -> grpc.aio.AioRpcError:
    """Return the error that a call with one response ends with; fails if it has a response."""
    try:
        response = await call
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError(f"the call succeeded: {response}")


async def failed_stream(call: AsyncIterable[M | bytes]) -> tuple[list[Any], grpc.aio.AioRpcError]:
    """Return the messages of a streaming call and the error that it ends with; fails if it ends well."""
    messages: list[Any] = []
    try:
        async for message in call:
            messages.append(message)
    except grpc.aio.AioRpcError as error:
        return messages, error
    raise AssertionError(f"the call ended well after {len(messages)} messages")


def status_in(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """Return the google.rpc.Status of a failed call; fails if it carries none."""
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            return status_pb2.Status.FromString(value)
    raise AssertionError(f"no google.rpc.Status came with {error}")


def detail(status: status_pb2.Status, kind: type[M]) -> M:
    """Return the one detail of a kind; fails if there is none."""
    for packed in status.details:
        message = kind()
        if packed.Unpack(message):
            return message
    raise AssertionError(f"no {kind.DESCRIPTOR.name} in {[packed.TypeName() for packed in status.details]}")
