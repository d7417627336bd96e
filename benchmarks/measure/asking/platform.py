"""A scheduler and one worker process with a key, as they are started, and what is asked of them over gRPC."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import grpc
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bothsides.jobs import v1 as pb
from bothsides_stack.embedded import EmbeddedServer
from bothsides_stack.ports import LOOPBACK, free_port
from measure.asking.provider import Provider, provider
from measure.calls import OPTIONS
from measure.programs import running, scheduler

QUEUE = "ai_analysis"
MODEL = "gpt-6-luna"
#: What UpdateQueue and UpdateProviderLimits set, so that neither queue nor gate holds a job back.
AT_ONCE = 64
#: As the contract has it.
MOST_IN_A_CALL = 1_000
SETTINGS = (
    f"UpdateQueue: {QUEUE} worker_concurrency {AT_ONCE}; UpdateProviderLimits: max_in_flight {AT_ONCE}; "
    "WORKER_CHILDREN 2"
)
_START_TIMEOUT_S = 120.0
_SERVING = health_pb2.HealthCheckResponse.SERVING


@dataclass(frozen=True, slots=True)
class Used:
    """Processor time (s)."""

    #: Of the worker process itself.
    worker_s: float
    #: Of its child processes.
    children_s: float

    def __sub__(self, before: Used) -> Used:
        return Used(self.worker_s - before.worker_s, self.children_s - before.children_s)


class Platform:
    """What a client and an operator have to do with it."""

    def __init__(self, channel: grpc.Channel, worker: int, provider: Provider) -> None:
        self._jobs: pb.JobServiceStub = pb.JobServiceStub(channel)
        self._queues: pb.QueueServiceStub = pb.QueueServiceStub(channel)
        self._conversations: pb.ConversationServiceStub = pb.ConversationServiceStub(channel)
        self._worker = psutil.Process(worker)
        self.provider = provider

    @property
    def pid(self) -> int:
        """Of the worker."""
        return self._worker.pid

    def set_up(self, queues: Sequence[str] = (QUEUE,)) -> None:
        """Let the worker and its provider be as busy as SETTINGS says."""
        for queue in queues:
            wanted = pb.Queue(name=queue, worker_concurrency=AT_ONCE)
            self._queues.UpdateQueue(pb.UpdateQueueRequest(queue=wanted, allow_missing=True))
        host = urlsplit(self.provider.url).hostname or ""
        limits = pb.ProviderLimits(provider=host, model=MODEL, max_in_flight=AT_ONCE)
        self._queues.UpdateProviderLimits(pb.UpdateProviderLimitsRequest(provider_limits=limits))

    def put(self, debate: pb.Conversation) -> str:
        """Keep a conversation; return its id."""
        self._conversations.PutConversation(pb.PutConversationRequest(conversation=debate))
        return debate.conversation_id

    def create(self, specs: Sequence[pb.JobSpec]) -> list[str]:
        """Create jobs, in as few calls as there may be; return their ids."""
        requests = [pb.CreateJobRequest(job=pb.Job(spec=spec)) for spec in specs]
        made: list[str] = []
        for place in range(0, len(requests), MOST_IN_A_CALL):
            part = pb.CreateJobsRequest(requests=requests[place : place + MOST_IN_A_CALL])
            made += (item.job.job_id for item in self._jobs.CreateJobs(part).items)
        return made

    def ended(self, job_id: str) -> pb.Job:
        """Wait for the end of a job.

        Raises:
            RuntimeError: It did not succeed.
        """
        for _ in self._jobs.WatchJob(pb.WatchJobRequest(job_id=job_id)):
            pass  # the stream ends when the job does
        job: pb.Job = self._jobs.GetJob(pb.GetJobRequest(job_id=job_id, view=pb.JOB_VIEW_FULL))
        if job.state != pb.Job.SUCCEEDED:
            raise RuntimeError(f"{job_id} ended as {pb.Job.State.Name(job.state)}: {job.last_error.message}")
        return job

    def used(self) -> Used:
        """Return the processor time that the worker and its children have used so far."""
        own = self._worker.cpu_times()
        children = own.children_user + own.children_system
        for child in self._worker.children():
            times = child.cpu_times()
            children += times.user + times.system
        return Used(own.user + own.system, children)


@contextmanager
def platform(server: EmbeddedServer, call_s: float, **settings: str) -> Iterator[Platform]:
    """Run scheduler, worker and provider, until all of them are ready; `settings` are the worker's own."""
    health = f"{LOOPBACK}:{free_port()}"
    with provider(call_s) as asked, scheduler(server.url) as (address, _):
        environment = {
            "REDIS_URL": server.url,
            "LOG_LEVEL": "ERROR",
            "OPENAI_API_KEY": "sk-bench",
            "OPENAI_BASE_URL": asked.url,
            "WORKER_THREADS": str(AT_ONCE),
            "WORKER_CHILDREN": "2",
            "WORKER_HEALTH_ADDR": health,
            **settings,
        }
        with running([sys.executable, "-m", "analysis_worker"], environment) as worker:
            _wait_until_serving(health)
            with grpc.insecure_channel(address, options=OPTIONS) as channel:
                made = Platform(channel, worker.pid, asked)
                made.set_up()
                yield made


def _wait_until_serving(address: str) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _serves(address):
        if time.monotonic() > deadline:
            raise TimeoutError("the worker does not serve")
        time.sleep(0.2)


def _serves(address: str) -> bool:
    # On a channel of its own: one that was refused waits longer each time.
    with grpc.insecure_channel(address) as channel:
        try:
            asked = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.RpcError:
            return False
        return bool(asked.status == _SERVING)
