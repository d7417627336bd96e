"""Two schedulers as processes behind one client: either may stop, and nobody misses anything."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import redis
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bothsides.jobs import v1 as pb
from bothsides_client.client import Client
from bothsides_client.errors import RequestFailed, Unavailable
from bothsides_stack.ports import free_port
from support.scheduler import BareWorker, generic, refusal_in
from support.waiting import PATIENCE_S, wait_until

SERVING = health_pb2.HealthCheckResponse.SERVING


@contextmanager
def _replica(url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a scheduler until it has been stopped; return once it serves."""
    environment = {"PATH": os.environ["PATH"], "REDIS_URL": url, "SCHEDULER_ADDR": f"127.0.0.1:{port}"}
    process = subprocess.Popen(
        [sys.executable, "-m", "scheduler"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _serves(port))
        yield process
    finally:
        process.kill()
        process.wait()


def _serves(port: int) -> bool:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.RpcError:
            return False
        return bool(answer.status == SERVING)


class Follower:
    """Follows all jobs with a client of both replicas, on a thread of its own."""

    def __init__(self, client: Client) -> None:
        self.told: defaultdict[str, list[str]] = defaultdict(list)
        self._messages = client.watch_jobs("queue = data_processing", full=True)
        self.began = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Return when it has stopped, as it does once its client is closed."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def _follow(self) -> None:
        with contextlib.suppress(RequestFailed):
            self._read()

    def _read(self) -> None:
        for message in self._messages:
            assert not message.HasField("reset")
            for event in message.events:
                if event.HasField("state_change"):
                    self.told[event.job_id].append(pb.Job.State.Name(event.state_change.state))
                elif event.HasField("partial_result"):
                    self.told[event.job_id].append(event.partial_result.part)
            self.began.set()


def test_clients_go_on_while_replicas_are_stopped_in_turn(valkey: str, client: redis.Redis) -> None:
    worker = BareWorker(client)
    ports = [free_port(), free_port()]
    with (
        Client([f"127.0.0.1:{port}" for port in ports]) as caller,
        _replica(valkey, ports[0]) as first,
        _replica(valkey, ports[1]) as second,
    ):
        # Given two replicas, and a watch of all jobs through either
        follower = Follower(caller)
        assert follower.began.wait(PATIENCE_S)
        ids = [_run(caller, worker, i) for i in range(20)]

        # When one is asked to stop, and when it is back, the other
        first.send_signal(signal.SIGTERM)
        ids += [_run(caller, worker, i) for i in range(20, 40)]
        assert first.wait(PATIENCE_S) == 0
        with _replica(valkey, ports[0]):
            second.send_signal(signal.SIGTERM)
            ids += [_run(caller, worker, i) for i in range(40, 50)]
            assert second.wait(PATIENCE_S) == 0
            wait_until(lambda: all(follower.told[job_id][-1:] == ["SUCCEEDED"] for job_id in ids))
            caller.close()
            follower.end()

    # Then every call was answered, and the watch told everything once, in order
    assert len(set(ids)) == 50
    for i, job_id in enumerate(ids):
        assert follower.told[job_id] == ["PENDING", "RUNNING", f"part {i}", "SUCCEEDED"]


def _run(caller: Client, worker: BareWorker, number: int) -> str:
    """Have a job created, again while no replica answers, and run it."""

    def create() -> pb.Job | None:
        try:
            return caller.create_job(generic().job, request_id=f"job-{number}")
        except Unavailable:
            return None

    job = wait_until(create)
    assert job is not None
    lease = worker.fetch()
    worker.keep(lease, f"part {number}")
    worker.succeed(lease)
    return job.job_id


def test_a_replica_that_stops_says_so_to_each_stream_and_lets_calls_end(valkey: str) -> None:
    port = free_port()
    with _replica(valkey, port) as process, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        # Given a watch of one job, one of many, and a bulk call that goes on for long
        jobs = pb.JobServiceStub(channel)
        created = jobs.CreateJobs(pb.CreateJobsRequest(requests=[generic()] * 100))
        streams: list[Any] = [
            jobs.WatchJob(pb.WatchJobRequest(job_id=created.items[0].job.job_id)),
            jobs.WatchJobs(pb.WatchJobsRequest(filter="state = FAILED")),
            jobs.BulkCancelJobs(pb.BulkCancelJobsRequest(filter="actor = work", jobs_per_second=5)),
        ]
        last = [next(stream) for stream in streams]

        # When it gets SIGTERM
        process.send_signal(signal.SIGTERM)

        # Then each ends with the reason, the watches with their tokens, and the process with 0
        for stream, message in zip(streams, last, strict=True):
            error = _end_of(stream)
            refused = refusal_in(error)
            assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
            if not isinstance(message, pb.BulkProgress):
                assert refused.metadata["resume_token"]
        assert process.wait(PATIENCE_S) == 0


def _end_of(stream: Any) -> Any:
    """Read to the error that a stream ends with."""
    try:
        for _ in stream:
            pass
    except grpc.RpcError as error:
        return error
    raise AssertionError("the stream ended well")
