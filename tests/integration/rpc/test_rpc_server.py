"""A server from its start to its stop: port, health, reflection, limits."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from bothsides.jobs import v1 as pb
from common.rpc.server import MESSAGE_LIMIT_BYTES, AddressNotBound, Server, Service
from common.settings import Address, ServerSettings
from support.rpc import ANYWHERE, JOB_SERVICE, ScriptedJobs, failure, serving
from support.waiting import wait_until_async

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Slow(ScriptedJobs):
    """Answers when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.called = asyncio.Event()
        self.let_go = asyncio.Event()

    async def GetJob(self, request: pb.GetJobRequest, context: Any) -> pb.Job:
        self.called.set()
        await self.let_go.wait()
        return pb.Job(job_id=request.job_id)


def server_of(servicer: ScriptedJobs, address: Address = ANYWHERE) -> Server:
    service = Service(JOB_SERVICE, pb.add_JobServiceServicer_to_server, servicer)
    return Server.build(ServerSettings(address), [service])


async def health_of(channel: grpc.aio.Channel, service: str = "") -> int:
    request = health_pb2.HealthCheckRequest(service=service)
    return int((await health_pb2_grpc.HealthStub(channel).Check(request)).status)


async def test_port_zero_is_a_free_port_and_a_taken_port_is_an_error() -> None:
    first = server_of(ScriptedJobs())
    port = await first.start()
    second = server_of(ScriptedJobs(), Address("127.0.0.1", port))
    try:
        assert port > 0
        with pytest.raises(AddressNotBound, match=f"127.0.0.1:{port}"):
            await second.start()
    finally:
        await second.stop(0)
        await first.stop(0)


async def test_however_many_methods_a_server_has_it_waits_for_calls_in_one_task() -> None:
    async def tasks_of(server: Server) -> int:
        before = len(asyncio.all_tasks())
        await server.start()
        try:
            return len(asyncio.all_tasks()) - before
        finally:
            await server.stop(0)

    assert await tasks_of(server_of(ScriptedJobs())) == await tasks_of(Server.build(ServerSettings(ANYWHERE)))


async def test_health_is_told_for_the_server_and_for_each_service() -> None:
    server = server_of(ScriptedJobs())
    port = await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert await health_of(channel) == SERVING
            assert await health_of(channel, JOB_SERVICE) == SERVING

            await server.report(serving=False)

            assert await health_of(channel) == NOT_SERVING
            assert await health_of(channel, JOB_SERVICE) == SERVING
            error = await failure(health_of(channel, "another.Service"))
            assert error.code() is grpc.StatusCode.NOT_FOUND
            listed = await health_pb2_grpc.HealthStub(channel).List(health_pb2.HealthListRequest())
            assert {name: answer.status for name, answer in listed.statuses.items()} == {
                "": NOT_SERVING,
                JOB_SERVICE: SERVING,
            }
    finally:
        await server.stop(0)


async def test_a_stop_says_not_serving_first_and_lets_calls_in_progress_end() -> None:
    # Given a call in progress, and someone who watches the health
    servicer = Slow()
    server = server_of(servicer)
    port = await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = pb.JobServiceStub(channel).GetJob(pb.GetJobRequest(job_id="j"))
        await asyncio.wait_for(servicer.called.wait(), 20)
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        before = await watch.read()

        # When the server is stopped
        stopping = asyncio.create_task(server.stop(20))
        after = await watch.read()
        servicer.let_go.set()

        # Then the watcher is told, and the call has its answer
        assert (before.status, after.status) == (SERVING, NOT_SERVING)
        assert (await call).job_id == "j"
        watch.cancel()
        await asyncio.wait_for(stopping, 20)


async def test_a_stop_ends_what_is_not_done_when_the_grace_is_over() -> None:
    servicer = Slow()
    server = server_of(servicer)
    port = await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = pb.JobServiceStub(channel).GetJob(pb.GetJobRequest(job_id="j"))
        await asyncio.wait_for(servicer.called.wait(), 20)

        await asyncio.wait_for(server.stop(0.05), 20)

        assert (await failure(call)).code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


async def test_reflection_lists_and_describes_the_services() -> None:
    async with serving(ScriptedJobs()) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=JOB_SERVICE),
        ]
        listed, described = [answer async for answer in stub.ServerReflectionInfo(iter(requests))]

    names = {service.name for service in listed.list_services_response.service}
    assert {JOB_SERVICE, "grpc.health.v1.Health"} <= names
    assert described.file_descriptor_response.file_descriptor_proto


async def test_a_message_at_the_limit_is_taken_and_one_above_it_is_refused() -> None:
    unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    server = server_of(ScriptedJobs())
    port = await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=unlimited) as channel:
            stub = pb.JobServiceStub(channel)
            large = job_of_size(MESSAGE_LIMIT_BYTES - 100)
            assert await stub.CreateJob(large) == large.job

            error = await failure(stub.CreateJob(job_of_size(MESSAGE_LIMIT_BYTES + 100)))
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    finally:
        await server.stop(0)


class Spelling(ScriptedJobs):
    """Answers with bytes."""

    async def CreateJob(  # type: ignore[override]  # it may return its message as bytes
        self, request: pb.CreateJobRequest, context: Any
    ) -> bytes:
        self.seen.append(request)
        return pb.Job(job_id="spelled").SerializeToString()


async def test_a_servicer_may_spell_its_answer_and_look_at_the_rules_itself() -> None:
    servicer = Spelling()
    service = Service(
        JOB_SERVICE, pb.add_JobServiceServicer_to_server, servicer, self_checked=frozenset({"CreateJob"})
    )
    server = Server.build(ServerSettings(ANYWHERE), [service])
    port = await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = pb.JobServiceStub(channel)
            against_the_rules = pb.CreateJobRequest(request_id="with space")

            assert await stub.CreateJob(against_the_rules) == pb.Job(job_id="spelled")
            assert servicer.seen == [against_the_rules]
            error = await failure(stub.GetJob(pb.GetJobRequest()))
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    finally:
        await server.stop(0)


def job_of_size(size_bytes: int) -> pb.CreateJobRequest:
    """Return a request that has at most, and nearly, a size."""
    request = pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec(actor="tidy_up"))))
    request.job.spec.generic.args.add(string_value="x" * (size_bytes - request.ByteSize() - 40))
    return request


async def test_a_thousand_calls_at_once_are_all_answered() -> None:
    async with serving(ScriptedJobs()) as channel:
        stub = pb.JobServiceStub(channel)
        calls = [stub.GetJob(pb.GetJobRequest(job_id=f"j{number}")) for number in range(1_000)]
        jobs = await asyncio.gather(*calls)

    assert [job.job_id for job in jobs] == [f"j{number}" for number in range(1_000)]


async def test_waiting_for_the_end_returns_when_the_server_has_stopped_and_not_before() -> None:
    server = server_of(ScriptedJobs())
    port = await server.start()
    waiting = asyncio.create_task(server.wait_for_termination())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert await health_of(channel) == SERVING
    assert not waiting.done()
    await server.stop(0)

    async def ended() -> bool:
        return waiting.done()

    assert await wait_until_async(ended)
    assert waiting.exception() is None
