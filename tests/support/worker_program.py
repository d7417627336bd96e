"""The worker as a program of its own, and what a scheduler would do for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import dramatiq
import grpc
import psutil
import redis
from google.protobuf.json_format import MessageToDict
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bothsides.jobs import v1 as pb
from bothsides_stack.embedded import EmbeddedServer
from bothsides_stack.ports import free_port
from common.job.ids import JobId, new_job_id
from common.job.model import Job, JobRequest
from common.job.states import JobState
from common.job.types import GENERIC, GENERIC_QUEUE, JOB_TYPES_BY_SPEC
from common.store import documents, jobs
from common.store.jobs import Snapshot
from common.store.keys import QueueKeys
from common.store.operation import Operation, SyncRunner
from support.waiting import wait_until

TESTS = Path(__file__).parent.parent
NAMESPACE = "bothsides"


class Desk:
    """Submits jobs and reads what became of them, on the store itself."""

    def __init__(self, client: redis.Redis, *, tenant: str = "default") -> None:
        self._runner = SyncRunner(client)
        self.tenant = tenant

    def run(self, operation: Operation[Any]) -> Any:
        return self._runner.run(operation)

    def put(self, conversation: pb.Conversation) -> str:
        """Keep a conversation as ConversationService does."""
        body = conversation.SerializeToString(deterministic=True)
        self.run(
            documents.put_document(
                NAMESPACE, documents.CONVERSATIONS, self.tenant, conversation.conversation_id, body=body
            )
        )
        return conversation.conversation_id

    def order(self, spec: pb.JobSpec, **fields: Any) -> JobId:
        """Submit a typed job as JobService does."""
        field = spec.WhichOneof("kind")
        assert field is not None
        job_type = JOB_TYPES_BY_SPEC[field]
        body = MessageToDict(getattr(spec, field), preserving_proto_field_name=True)
        return self._submit(job_type.queue, field, (), {"spec": body}, job_type=job_type.name, **fields)

    def call(self, actor: str, *args: Any, queue: str = GENERIC_QUEUE, **fields: Any) -> JobId:
        """Submit a generic job."""
        return self._submit(queue, actor, args, {}, job_type=GENERIC, **fields)

    def analyse(self, conversation_id: str, *, job: Mapping[str, Any] | None = None, **spec: Any) -> JobId:
        """Order the analysis of a kept conversation; `job` holds fields of the request."""
        ordered = pb.TranscriptAnalysisSpec(conversation_id=conversation_id, **spec)
        return self.order(pb.JobSpec(transcript_analysis=ordered), **(job or {}))

    def _submit(
        self, queue: str, actor: str, args: tuple[Any, ...], kwargs: dict[str, Any], **fields: Any
    ) -> JobId:
        message: dramatiq.Message[Any] = dramatiq.Message(queue, actor, args, kwargs, {})
        fields = {"job_id": new_job_id(queue), **fields}
        request = JobRequest(queue=queue, actor=actor, payload=message.encode(), tenant=self.tenant, **fields)
        [outcome] = self.run(jobs.submit(QueueKeys(NAMESPACE, queue), [request]))
        assert isinstance(outcome, jobs.Accepted), outcome
        return outcome.job_id

    def cancel(self, job_id: JobId, queue: str = "ai_analysis") -> None:
        self.run(jobs.cancel(QueueKeys(NAMESPACE, queue), job_id, tenant=self.tenant))

    def snapshot(self, job_id: JobId, queue: str = "ai_analysis") -> Snapshot:
        read = self.run(jobs.get(QueueKeys(NAMESPACE, queue), job_id, full=True))
        assert read is not None, job_id
        snapshot: Snapshot = read
        return snapshot

    def job(self, job_id: JobId, queue: str = "ai_analysis") -> Job:
        return self.snapshot(job_id, queue).job

    def final(self, job_id: JobId, queue: str = "ai_analysis") -> Snapshot:
        """Wait until a job is final."""
        wait_until(lambda: self.job(job_id, queue).state.is_final, timeout_s=60)
        return self.snapshot(job_id, queue)

    def wait_for(self, job_id: JobId, state: JobState, queue: str = "ai_analysis") -> Job:
        wait_until(lambda: self.job(job_id, queue).state is state, timeout_s=60)
        return self.job(job_id, queue)

    def wait_until_begun(self, job_id: JobId, queue: str = "ai_analysis") -> None:
        """Wait until the job's code runs and has said so: RUNNING says only that a worker holds it."""
        wait_until(lambda: self.job(job_id, queue).progress, timeout_s=60)

    def kept(self, conversation_id: str) -> documents.Document | None:
        """Return the kept analysis of a conversation."""
        read: documents.Document | None = self.run(
            documents.get_document(NAMESPACE, documents.ANALYSES, self.tenant, conversation_id)
        )
        return read


@dataclass
class WorkerProgram:
    """A running `python -m analysis_worker`."""

    process: subprocess.Popen[bytes]
    health_address: str
    log: Path

    def health(self) -> str:
        """Return what the health service says; "" while nobody answers."""
        host, _, port = self.health_address.rpartition(":")
        try:  # a channel takes milliseconds of processor time
            socket.create_connection((host, int(port)), timeout=2).close()
        except OSError:
            return ""
        with grpc.insecure_channel(self.health_address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=2)
            except grpc.RpcError:
                return ""
        name: str = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        return name

    def children(self) -> list[psutil.Process]:
        """Return the processes that compute for it."""
        started = psutil.Process(self.process.pid).children()
        return [child for child in started if any("spawn_main" in word for word in _words(child))]

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Wait for its end; return its exit status."""
        return self.process.wait(timeout=60)


def _words(process: psutil.Process) -> Iterable[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return ()


@contextmanager
def worker_program(
    store: str | Mapping[str, str], folder: Path, *, serving: bool = True, **environment: str
) -> Iterator[WorkerProgram]:
    """Run a worker until the block ends. Waits until it takes jobs; if not `serving`, until it answers.

    Args:
        store: The URL of a server, or the variables that name a store.
    """
    address = f"127.0.0.1:{free_port()}"
    log = folder / f"worker-{address.rpartition(':')[2]}.log"
    variables = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")},
        "PYTHONPATH": str(TESTS),
        **({"REDIS_URL": store} if isinstance(store, str) else store),
        "WORKER_HEALTH_ADDR": address,
        "WORKER_THREADS": "4",
        "WORKER_CHILDREN": "1",
        **environment,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "analysis_worker"], env=variables, stdout=output, stderr=output, cwd=folder
        )
    try:
        expected = ("SERVING",) if serving else ("SERVING", "NOT_SERVING")
        program = WorkerProgram(process, address, log)
        wait_until(lambda: process.poll() is not None or program.health() in expected, timeout_s=60)
        assert process.poll() is None, log.read_text()
        yield program
    finally:
        process.kill()
        process.wait()


@dataclass
class SharedWorker:
    """A worker that many tests give jobs to, on a store that no test empties."""

    program: WorkerProgram
    client: redis.Redis
    _desks: Iterator[int] = field(default_factory=count)

    def desk(self) -> Desk:
        """Return the desk of a tenant that has nothing yet: one for each test."""
        return Desk(self.client, tenant=f"tenant-{next(self._desks)}")


@contextmanager
def shared_worker(folder: Path, **environment: str) -> Iterator[SharedWorker]:
    """Run a worker on a server of its own: a start costs more than most of what tests have it do.

    For a fixture of a module; its tests have an `xdist_group`, so that one process runs them all.
    """
    with (
        EmbeddedServer() as server,
        redis.Redis.from_url(server.url, protocol=2) as client,
        worker_program(server.url, folder, serving=True, **environment) as program,
    ):
        yield SharedWorker(program, client)
