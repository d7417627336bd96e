"""Who may call what, over a real port."""

from __future__ import annotations

import asyncio
import time

import grpc
import grpc.aio
import jwt
import pytest
from google.rpc import error_details_pb2 as details
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bothsides.jobs import v1 as pb
from common.auth import Role
from common.auth.tokens import AUDIENCE
from common.settings import AuthSettings
from support.rpc import ScriptedJobs, detail, failed_stream, failure, serving, status_in

SECRET = "the tests' own secret, long enough for HS256"
GUARDED = AuthSettings(secret=SECRET)
Metadata = tuple[tuple[str, str], ...]


def bearer(
    *roles: Role, subject: str = "ana", tenant: str = "blue", valid_s: int = 60, **others: object
) -> Metadata:
    """Return the metadata of a caller with a good token."""
    expires_s = int(time.time()) + valid_s
    claims = {
        "sub": subject,
        "tenant": tenant,
        "aud": AUDIENCE,
        "exp": expires_s,
        "roles": list(roles),
    } | others
    return (("authorization", f"Bearer {jwt.encode(claims, SECRET)}"),)


def refusal(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str]:
    """Return the code and reason that a call was refused with."""
    return error.code(), detail(status_in(error), details.ErrorInfo).reason


async def test_a_server_without_a_key_takes_everyone_for_the_default_tenant() -> None:
    async with serving(ScriptedJobs()) as channel:
        job = await pb.JobServiceStub(channel).GetJob(pb.GetJobRequest(job_id="j"))

    assert (job.tenant, job.worker) == ("default", "anonymous")


async def test_the_caller_is_known_in_unary_and_in_streaming_calls() -> None:
    async with serving(ScriptedJobs(), auth=GUARDED) as channel:
        stub = pb.JobServiceStub(channel)
        job = await stub.GetJob(pb.GetJobRequest(job_id="j"), metadata=bearer(Role.VIEWER))
        watch = stub.WatchJob(pb.WatchJobRequest(job_id="j"), metadata=bearer(Role.VIEWER))
        tokens = [message.resume_token async for message in watch]

    assert (job.tenant, job.worker) == ("blue", "ana")
    assert tokens == ["0 ana", "1 ana", "2 ana"]


@pytest.mark.parametrize(
    ("opens", "named", "seen"),
    [
        ([], "blue", "blue"),
        (["red"], "red", "red"),
        (["*"], "red", "red"),
        ([], "red", None),
        (["green"], "red", None),
        (["*"], "r:d", None),
        (["*"], "*", None),
        (["*"], "", None),
    ],
)
async def test_a_caller_acts_for_the_tenants_that_its_token_opens_and_no_other(
    opens: list[str], named: str, seen: str | None
) -> None:
    metadata = (*bearer(Role.VIEWER, tenants=opens), ("bothsides-tenant", named))
    async with serving(ScriptedJobs(), auth=GUARDED) as channel:
        stub = pb.JobServiceStub(channel)
        if seen is None:
            refused = await failure(stub.GetJob(pb.GetJobRequest(job_id="j"), metadata=metadata))
            assert refusal(refused) == (grpc.StatusCode.PERMISSION_DENIED, "TENANT_NOT_GRANTED")
            return
        job = await stub.GetJob(pb.GetJobRequest(job_id="j"), metadata=metadata)
        own = await stub.GetJob(pb.GetJobRequest(job_id="j"), metadata=bearer(Role.VIEWER, tenants=opens))

    assert (job.tenant, job.worker, own.tenant) == (seen, "ana", "blue")


async def test_another_tenant_grants_no_other_role() -> None:
    metadata = (*bearer(Role.VIEWER, tenants=["red"]), ("bothsides-tenant", "red"))
    async with serving(ScriptedJobs(), auth=GUARDED) as channel:
        refused = await failure(
            pb.JobServiceStub(channel).CancelJob(pb.CancelJobRequest(job_id="j"), metadata=metadata)
        )

    assert refusal(refused) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_MISSING")


async def test_calls_at_the_same_time_do_not_see_each_others_callers() -> None:
    async with serving(ScriptedJobs(), auth=GUARDED) as channel:
        stub = pb.JobServiceStub(channel)

        async def watched_by(subject: str) -> set[str]:
            metadata = bearer(Role.VIEWER, subject=subject)
            watch = stub.WatchJob(pb.WatchJobRequest(job_id="j"), metadata=metadata)
            return {message.resume_token.split()[1] async for message in watch}

        subjects = [f"caller-{number}" for number in range(50)]
        seen = await asyncio.gather(*map(watched_by, subjects))

    assert seen == [{subject} for subject in subjects]


async def test_a_missing_role_is_denied_and_named() -> None:
    servicer = ScriptedJobs()
    request = pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec(actor="tidy_up"))))
    async with serving(servicer, auth=GUARDED) as channel:
        stub = pb.JobServiceStub(channel)
        denied = await failure(stub.CreateJob(request, metadata=bearer(Role.VIEWER)))
        created = await stub.CreateJob(request, metadata=bearer(Role.SUBMITTER))

    assert refusal(denied) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_MISSING")
    assert created == request.job
    assert servicer.seen == [request]


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", "Bearer"),),
        (("authorization", "Basic YW5hOmFuYQ=="),),
        (("authorization", "Bearer not.a.token"),),
        bearer(Role.ADMIN, valid_s=-60),
        bearer(Role.VIEWER) + bearer(Role.ADMIN),
    ],
    ids=["none", "empty", "basic", "malformed", "expired", "two"],
)
async def test_a_caller_without_one_good_token_is_refused_in_every_kind_of_call(metadata: Metadata) -> None:
    servicer = ScriptedJobs()
    async with serving(servicer, auth=GUARDED) as channel:
        stub = pb.JobServiceStub(channel)
        unary = await failure(stub.GetJob(pb.GetJobRequest(job_id="j"), metadata=metadata))
        _, stream = await failed_stream(stub.WatchJob(pb.WatchJobRequest(job_id="j"), metadata=metadata))

    assert refusal(unary) == refusal(stream) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID")
    assert servicer.seen == []


async def test_who_may_not_call_learns_nothing_about_the_rules_of_the_request() -> None:
    """Who calls is settled before the request is read."""
    async with serving(ScriptedJobs(), auth=GUARDED) as channel:
        error = await failure(pb.JobServiceStub(channel).GetJob(pb.GetJobRequest()))

    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_health_is_open_and_channelz_is_not() -> None:
    async with serving(ScriptedJobs(), auth=GUARDED) as channel:
        health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        channelz = channelz_pb2_grpc.ChannelzStub(channel)
        error = await failure(channelz.GetServers(channelz_pb2.GetServersRequest()))
        servers = await channelz.GetServers(channelz_pb2.GetServersRequest(), metadata=bearer(Role.VIEWER))

    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert len(servers.server) > 0


async def test_a_method_that_nobody_has_decided_on_is_not_served() -> None:
    async with serving(ScriptedJobs(), auth=GUARDED) as channel:
        drop: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
        drop = channel.unary_unary("/bothsides.jobs.v1.JobService/DropEverything")
        error = await failure(drop(b"", metadata=bearer(Role.ADMIN)))

    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
