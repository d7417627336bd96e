"""When a worker may be relied on: its threads live, and the store answered lately."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq
import grpc
import pytest
import redis
from grpc_health.v1 import health_pb2, health_pb2_grpc

from analysis_worker.runtime.health import AddressUnusable, HealthServer, ailments
from analysis_worker.runtime.reporter import Reporter
from bothsides_stack.embedded import EmbeddedServer
from common.broker import JobBroker
from common.store.workers import list_workers
from support.waiting import wait_until
from support.workers import working

NAMESPACE = "bothsides"
#: A store that is silent for longer counts as away, in these tests (ms).
SILENCE_MS = 500


@contextmanager
def reporting(client: redis.Redis) -> Iterator[tuple[dramatiq.Worker, JobBroker, Reporter]]:
    """A worker in this process that reports itself often."""
    broker = JobBroker(client, namespace=NAMESPACE)
    broker.declare_queue("exports")
    with working(broker, threads=2) as worker:
        reporter = Reporter(broker, ("exports",), 2, every_s=0.02)
        reporter.start()
        try:
            yield worker, broker, reporter
        finally:
            reporter.close()


def test_a_worker_is_well_once_its_threads_run_and_the_store_has_answered(client: redis.Redis) -> None:
    with reporting(client) as (worker, broker, reporter):
        wait_until(lambda: ailments(worker, broker, reporter) == [])
        _, [report] = broker.runner.run(list_workers(NAMESPACE))
        assert (report.queues, report.slots, report.running) == (("exports",), 2, 0)

    _, left = broker.runner.run(list_workers(NAMESPACE))
    assert left == []


def test_a_worker_that_stops_says_so(client: redis.Redis) -> None:
    with reporting(client) as (worker, broker, reporter):
        wait_until(lambda: ailments(worker, broker, reporter) == [])
        broker.draining.set()
        assert ailments(worker, broker, reporter) == ["it is stopping"]


def test_a_consumer_thread_that_has_ended_is_noticed(client: redis.Redis) -> None:
    with reporting(client) as (worker, broker, reporter):
        wait_until(lambda: ailments(worker, broker, reporter) == [])
        worker.consumers["exports"].stop()
        wait_until(lambda: ailments(worker, broker, reporter) == ["a consumer thread has ended"])


def test_a_worker_thread_that_has_ended_is_noticed(client: redis.Redis) -> None:
    with reporting(client) as (worker, broker, reporter):
        wait_until(lambda: ailments(worker, broker, reporter) == [])
        worker.workers[0].stop()
        wait_until(lambda: ailments(worker, broker, reporter) == ["a worker thread has ended"])


def test_a_store_that_goes_away_is_noticed_and_its_return_too() -> None:
    with (
        EmbeddedServer() as server,
        redis.Redis.from_url(server.url, protocol=2) as client,
        reporting(client) as (worker, broker, reporter),
    ):

        def found() -> list[str]:
            return ailments(worker, broker, reporter, silence_max_ms=SILENCE_MS)

        wait_until(lambda: found() == [])

        server.kill()
        wait_until(lambda: "the store does not answer" in found())

        server.restart()
        wait_until(lambda: found() == [])


def test_health_is_answered_over_grpc_and_a_stop_is_final(client: redis.Redis) -> None:
    with reporting(client) as (worker, broker, reporter):
        server = HealthServer("127.0.0.1:0", worker, broker, reporter)
        server.start()
        try:
            with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
                stub = health_pb2_grpc.HealthStub(channel)

                def status() -> int:
                    answer: int = stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status
                    return answer

                wait_until(lambda: status() == health_pb2.HealthCheckResponse.SERVING)
                server.say_stopping()
                assert status() == health_pb2.HealthCheckResponse.NOT_SERVING
        finally:
            server.close()


def test_two_workers_cannot_share_a_health_address(client: redis.Redis) -> None:
    with reporting(client) as (worker, broker, reporter):
        first = HealthServer("127.0.0.1:0", worker, broker, reporter)
        first.start()
        try:
            with pytest.raises(AddressUnusable, match="WORKER_HEALTH_ADDR"):
                HealthServer(f"127.0.0.1:{first.port}", worker, broker, reporter)
        finally:
            first.close()
