"""A scheduler on a real port in this process, and a worker made of bare operations for what it serves."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import grpc.aio
import jwt
import redis
from dramatiq import Message
from google.rpc import error_details_pb2, status_pb2

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from common.auth.tokens import AUDIENCE
from common.job.model import Content, ErrorClass, JobError, Progress
from common.job.outcome import Fail, Outcome, Succeed
from common.job.states import JobState
from common.settings import SchedulerSettings
from common.store import jobs
from common.store.jobs import Lease
from common.store.keys import QueueKeys
from common.store.operation import Operation, SyncRunner
from common.store.packing import unpacked
from common.store.workers import WorkerReport, report_worker
from scheduler.app import Scheduler
from support.rpc import detail, failure, status_in

SECRET: Final = "a secret that is only used in the tests of the scheduler"
NAMESPACE: Final = "bothsides"
TYPED: Final = "application/x-protobuf; message=bothsides.jobs.v1.JobResult"


@dataclass(frozen=True)
class Served:
    """A scheduler that serves, and stubs to call it with."""

    scheduler: Scheduler
    port: int
    channel: grpc.aio.Channel

    @property
    def jobs(self) -> pb.JobServiceAsyncStub:
        return pb.JobServiceStub(self.channel)

    @property
    def batches(self) -> pb.BatchServiceAsyncStub:
        return pb.BatchServiceStub(self.channel)

    @property
    def queues(self) -> pb.QueueServiceAsyncStub:
        return pb.QueueServiceStub(self.channel)

    @property
    def conversations(self) -> pb.ConversationServiceAsyncStub:
        return pb.ConversationServiceStub(self.channel)

    @property
    def analyses(self) -> pb.AnalysisServiceAsyncStub:
        return pb.AnalysisServiceStub(self.channel)

    async def create(self, request: pb.CreateJobRequest | None = None) -> pb.Job:
        """Create a job; by default a generic one."""
        return await self.jobs.CreateJob(request or generic())

    def watch(
        self, job_id: str, *, resume_token: str = "", view: pb.JobView.ValueType = pb.JOB_VIEW_FULL
    ) -> Any:
        request = pb.WatchJobRequest(job_id=job_id, resume_token=resume_token, view=view)
        return self.jobs.WatchJob(request)


@asynccontextmanager
async def serving(
    store: str | Mapping[str, str], *, auth: bool = False, shutdown_ms: int = 0, **options: Any
) -> AsyncIterator[Served]:
    """Serve on a free port. `options` are those of Scheduler; with `auth`, callers need a token.

    Args:
        store: The URL of a server, or the variables that name a store.
        shutdown_ms: Calls that go on for longer at the end are cut off.
    """
    variables = {"REDIS_URL": store} if isinstance(store, str) else dict(store)
    variables |= {"SCHEDULER_ADDR": "127.0.0.1:0", "SCHEDULER_SHUTDOWN_MS": str(shutdown_ms)}
    if auth:
        variables["AUTH_JWT_SECRET"] = SECRET
    scheduler = Scheduler(SchedulerSettings.from_environment(variables), **options)
    port = await scheduler.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Served(scheduler, port, channel)
    finally:
        await scheduler.stop()


def credentials(tenant: str, *roles: Role, others: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """Return the metadata of a caller, who may act for other tenants, too."""
    claims = {
        "tenants": list(others),
        "sub": "someone",
        "tenant": tenant,
        "roles": [role.value for role in roles],
        "aud": AUDIENCE,
        "exp": int(time.time()) + 6 * 3600,  # made as tests are collected, used at their end
    }
    return (("authorization", f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}"),)


def generic(actor: str = "work", *, request_id: str = "", **fields: Any) -> pb.CreateJobRequest:
    """Return a request for a generic job; `fields` are those of Job."""
    spec = pb.JobSpec(generic=pb.GenericSpec(actor=actor))
    return pb.CreateJobRequest(job=pb.Job(**{"spec": spec, **fields}), request_id=request_id)


def reflection(text: str = "I learned a lot.", **fields: Any) -> pb.CreateJobRequest:
    """Return a request for a typed job that needs no conversation."""
    spec = pb.JobSpec(reflection_processing=pb.ReflectionProcessingSpec(text=text))
    return pb.CreateJobRequest(job=pb.Job(spec=spec, **fields))


def analysis_of(conversation_id: str, **fields: Any) -> pb.CreateJobRequest:
    spec = pb.JobSpec(transcript_analysis=pb.TranscriptAnalysisSpec(conversation_id=conversation_id))
    return pb.CreateJobRequest(job=pb.Job(spec=spec, **fields))


def debate(conversation_id: str = "debate-1", *, turns: int = 4) -> pb.Conversation:
    """Return a conversation of two speakers in turn."""
    return pb.Conversation(
        conversation_id=conversation_id,
        title="A debate",
        turns=[
            pb.Turn(turn_id=f"t{i}", participant_id="ann" if i % 2 == 0 else "ben", text=f"point {i}")
            for i in range(turns)
        ],
    )


@dataclass(frozen=True)
class Refusal:
    """What a call was refused with."""

    code: grpc.StatusCode
    status: status_pb2.Status
    reason: str
    fields: list[str]
    metadata: dict[str, str]


async def refusal(call: Any) -> Refusal:
    """Return what a unary call is refused with; fails if it succeeds or the details are not complete."""
    return refusal_in(await failure(call))


def refusal_in(error: grpc.aio.AioRpcError) -> Refusal:
    status = status_in(error)
    info = detail(status, error_details_pb2.ErrorInfo)
    assert info.domain == "jobs.bothsides"
    fields: list[str] = []
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        violations = detail(status, error_details_pb2.BadRequest).field_violations
        assert all(violation.description for violation in violations)
        fields = [violation.field for violation in violations]
    return Refusal(error.code(), status, info.reason, fields, dict(info.metadata))


@dataclass
class BareWorker:
    """Does to the store what a worker does, one step at a time."""

    client: redis.Redis
    queue: str = "data_processing"
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def run(self, operation: Operation[Any]) -> Any:
        return SyncRunner(self.client).run(operation)

    @property
    def keys(self) -> QueueKeys:
        return QueueKeys(NAMESPACE, self.queue)

    def fetch(self) -> Lease:
        """Lease the next job; there must be one."""
        [lease] = self.fetch_up_to(1)
        return lease

    def fetch_up_to(self, want: int, *, lease_ms: int = 60_000) -> list[Lease]:
        """Lease as many jobs as may start, up to `want`."""
        operation = jobs.fetch(
            self.keys,
            consumer="bare",
            number=next(self._numbers),
            want=want,
            lease_ms=lease_ms,
            worker="bare-worker",
        )
        leases: list[Lease] = self.run(operation).leases
        return leases

    def report_in(self, slots: int = 1, *, running: int = 0, worker_id: str = "bare-worker") -> None:
        """Say that it is there, as a worker does every few seconds."""
        report = WorkerReport(worker_id, "host", 1, "1", (self.queue,), slots, running, started_ms=1)
        self.run(report_worker(NAMESPACE, report))

    def message(self, lease: Lease) -> Message[Any]:
        return Message.decode(unpacked(lease.payload))

    def report(self, lease: Lease, fraction: float, stage: str = "") -> None:
        report = Progress(fraction, stage, at_ms=1)
        assert self.run(jobs.progress(self.keys, lease.member, report=report)) != jobs.LOST

    def keep(self, lease: Lease, part: str, text: str = "done") -> None:
        """Finish a part of the result."""
        content = Content("application/json", f'"{text}"'.encode())
        assert self.run(jobs.progress(self.keys, lease.member, part=(part, content))) != jobs.LOST

    def finish(self, lease: Lease, outcome: Outcome) -> JobState:
        [state] = self.run(jobs.finish(self.keys, [(lease.member, outcome)]))
        assert isinstance(state, JobState)
        return state

    def succeed(self, lease: Lease, result: Content | None = None) -> JobState:
        return self.finish(lease, Succeed(result))

    def fail(self, lease: Lease, reason: str = "BROKEN") -> JobState:
        return self.finish(lease, Fail(JobError(ErrorClass.BUG, reason, attempt=lease.attempt, at_ms=1)))
