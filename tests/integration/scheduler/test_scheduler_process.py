"""`python -m scheduler` as a process: it starts, says whether it serves, and ends when asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bothsides.jobs import v1 as pb
from bothsides_stack.embedded import EmbeddedServer
from bothsides_stack.ports import free_port
from support.scheduler import debate, generic, reflection
from support.waiting import PATIENCE_S, wait_until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@contextmanager
def _process(**variables: str) -> Iterator[subprocess.Popen[str]]:
    environment = {"PATH": os.environ["PATH"], **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "scheduler"], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _health(channel: grpc.Channel, service: str = "") -> int | None:
    """Return what the server says of itself, or None if it does not answer."""
    stub = health_pb2_grpc.HealthStub(channel)
    try:
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=1)
    except grpc.RpcError:
        return None
    status: int = answer.status
    return status


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def channel(port: int) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened


def test_it_serves_until_it_is_asked_to_stop(valkey: str, port: int, channel: grpc.Channel) -> None:
    with _process(REDIS_URL=valkey, SCHEDULER_ADDR=f"127.0.0.1:{port}") as process:
        # Given a scheduler with an open watch
        wait_until(lambda: _health(channel) == SERVING)
        assert _health(channel, "bothsides.jobs.v1.JobService") == SERVING
        jobs = pb.JobServiceStub(channel)
        job = jobs.CreateJob(generic())
        watch = jobs.WatchJob(pb.WatchJobRequest(job_id=job.job_id))
        assert next(watch).HasField("snapshot")

        # When it gets SIGTERM
        process.send_signal(signal.SIGTERM)

        # Then the watch ends so that it may go on elsewhere, and the process exits well
        with pytest.raises(grpc.RpcError) as ended:
            next(watch)
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        assert process.wait(PATIENCE_S) == 0


def test_it_logs_nothing_private(valkey: str, port: int, channel: grpc.Channel) -> None:
    """Not even when it tells everything, and when what is private is wrong."""
    with _process(REDIS_URL=valkey, SCHEDULER_ADDR=f"127.0.0.1:{port}", LOG_LEVEL="DEBUG") as process:
        wait_until(lambda: _health(channel) == SERVING)
        jobs, conversations = pb.JobServiceStub(channel), pb.ConversationServiceStub(channel)
        private = debate()
        private.turns[0].text = "a confession"
        conversations.PutConversation(pb.PutConversationRequest(conversation=private))
        private.turns[1].turn_id = private.turns[0].turn_id
        with pytest.raises(grpc.RpcError):
            conversations.PutConversation(pb.PutConversationRequest(conversation=private))
        job = jobs.CreateJob(reflection("a confession"))
        jobs.CancelJob(pb.CancelJobRequest(job_id=job.job_id))
        watch = jobs.WatchJob(pb.WatchJobRequest(job_id=job.job_id, view=pb.JOB_VIEW_FULL))
        assert [message.snapshot.spec.reflection_processing.text for message in watch] == ["a confession"]

        process.send_signal(signal.SIGTERM)
        _, lines = process.communicate(timeout=PATIENCE_S)

    assert "listening" in lines
    assert "confession" not in lines


def test_it_says_whether_its_store_answers(port: int, channel: grpc.Channel) -> None:
    with EmbeddedServer() as server, _process(REDIS_URL=server.url, SCHEDULER_ADDR=f"127.0.0.1:{port}"):
        wait_until(lambda: _health(channel) == SERVING)

        server.kill()
        wait_until(lambda: _health(channel) == NOT_SERVING)
        with pytest.raises(grpc.RpcError) as refused:
            pb.JobServiceStub(channel).CreateJob(generic())
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE

        server.restart()
        wait_until(lambda: _health(channel) == SERVING)
        assert pb.JobServiceStub(channel).CreateJob(generic()).job_id


def test_it_starts_without_a_store_and_says_so(port: int, channel: grpc.Channel) -> None:
    with _process(REDIS_URL=f"redis://127.0.0.1:{free_port()}", SCHEDULER_ADDR=f"127.0.0.1:{port}"):
        wait_until(lambda: _health(channel) == NOT_SERVING)


def test_wrong_settings_are_all_named_at_once() -> None:
    with _process(REDIS_URL="nonsense", SCHEDULER_ADDR="here", JOB_RETRY_ATTEMPTS="none") as process:
        _, errors = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 2
    assert all(name in errors for name in ("REDIS_URL", "SCHEDULER_ADDR", "JOB_RETRY_ATTEMPTS"))


def test_a_taken_address_is_refused(valkey: str, port: int, channel: grpc.Channel) -> None:
    address = f"127.0.0.1:{port}"
    with _process(REDIS_URL=valkey, SCHEDULER_ADDR=address):
        wait_until(lambda: _health(channel) == SERVING)
        with _process(REDIS_URL=valkey, SCHEDULER_ADDR=address) as second:
            _, errors = second.communicate(timeout=PATIENCE_S)

    assert second.returncode == 2
    assert address in errors
