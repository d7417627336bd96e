"""The store goes away and comes back: what is not known is never called healthy."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
import redis
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from bothsides.jobs import v1 as pb
from bothsides_stack.embedded import EmbeddedServer
from common.settings import StoreSettings
from common.store.clients import redis_client
from common.store.operation import SyncRunner
from common.store.workers import WorkerReport, report_worker
from support.queue_driver import QueueDriver
from support.waiting import wait_until_async

QUEUE = "exports"
PATIENCE_S = 20.0


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """A server of this test's own, as it is going to be killed."""
    with EmbeddedServer(fsync="always") as own:
        yield own


def a_worker(client: redis.Redis) -> None:
    report = WorkerReport("w1", "host-1", 11, "0.1.0", (QUEUE,), 4, 0, 1_700_000_000_000)
    SyncRunner(client).run(report_worker("bothsides", report))


async def until_status(watch: Any, status: pb.Health.Status.ValueType) -> pb.Health:
    """Read a watch until it tells a status; fail when the stream's own deadline ends it first."""
    while True:
        health: pb.Health = await watch.read()
        if health.status == status:
            return health


async def serves(channel: grpc.aio.Channel) -> bool:
    check: Any = health_pb2_grpc.HealthStub(channel).Check
    response = await check(health_pb2.HealthCheckRequest(service="bothsides.jobs.v1.MonitorService"))
    return bool(response.status == health_pb2.HealthCheckResponse.SERVING)


async def test_health_is_unknown_while_the_store_is_away_and_known_again_after(
    server: EmbeddedServer, start_monitor: Any
) -> None:
    with redis_client(StoreSettings(server.url)) as client:
        # Given a system that is healthy, and a watcher
        a_worker(client)
        driver = QueueDriver(client, QUEUE, time.time_ns() // 1_000_000)
        channel = await start_monitor(server.url)
        stub: Any = pb.MonitorServiceStub(channel)
        watch = stub.WatchHealth(pb.WatchHealthRequest(), timeout=2 * PATIENCE_S)
        before = await until_status(watch, pb.Health.HEALTHY)
        # When the server dies
        server.kill()
        # Then the watcher hears that nothing is known, with the last facts and their time
        unknown = await until_status(watch, pb.Health.UNKNOWN)
        assert [issue.code for issue in unknown.issues] == ["STORE_UNREACHABLE"]
        assert unknown.read_time.ToMilliseconds() >= before.read_time.ToMilliseconds()
        assert [stats.queue for stats in unknown.queues] == [QUEUE]
        # And a call gets the same answer, however often it asks
        for _ in range(3):
            health = await stub.GetHealth(pb.GetHealthRequest())
            assert (health.status, health.read_time) == (pb.Health.UNKNOWN, unknown.read_time)
        # And numbers that nobody can vouch for are not given out
        for call in (
            stub.ListQueueStats(pb.ListQueueStatsRequest()),
            stub.ListWorkers(pb.ListWorkersRequest()),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            info = error_details_pb2.ErrorInfo()
            assert rpc_status.from_call(caught.value).details[0].Unpack(info)
            assert info.reason == "STORE_UNAVAILABLE"
        # And balancers hear that others should be asked
        assert not await serves(channel)
        # When the server is back
        server.restart()
        driver.submit()
        a_worker(client)
        # Then health is known again
        await until_status(watch, pb.Health.HEALTHY)

        async def one_pending() -> bool:
            response = await stub.ListQueueStats(pb.ListQueueStatsRequest())
            return [stats.pending for stats in response.queues] == [1]

        await wait_until_async(one_pending)
        assert await serves(channel)
        watch.cancel()


async def test_a_store_that_hangs_is_away_too(server: EmbeddedServer, start_monitor: Any) -> None:
    """A stopped process takes connections and commands, and answers none."""
    channel = await start_monitor(server.url)
    # Shorter than the client of the store would wait by itself: the look must be given up before
    watch = pb.MonitorServiceStub(channel).WatchHealth(pb.WatchHealthRequest(), timeout=15)
    before = await until_status(watch, pb.Health.DEGRADED)
    # When the server stands still
    os.kill(server.pid, signal.SIGSTOP)
    try:
        # Then nothing is known, and once the look is given up, the store is called away
        unknown = await until_status(watch, pb.Health.UNKNOWN)
        while unknown.issues[0].code != "STORE_UNREACHABLE":
            unknown = await until_status(watch, pb.Health.UNKNOWN)
        assert not await serves(channel)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    # And when it moves again, so does the monitor
    known = await until_status(watch, pb.Health.DEGRADED)
    assert [issue.code for issue in known.issues] == [issue.code for issue in before.issues]
    assert await serves(channel)
    watch.cancel()
    watch.cancel()


async def test_a_monitor_starts_without_a_store_and_says_so(
    server: EmbeddedServer, start_monitor: Any, caplog: pytest.LogCaptureFixture
) -> None:
    # Given a store that is away
    server.kill()
    # When a monitor starts
    channel = await start_monitor(server.url)
    stub: Any = pb.MonitorServiceStub(channel)
    # Then it answers that it knows nothing
    health = await stub.GetHealth(pb.GetHealthRequest())
    assert health.status == pb.Health.UNKNOWN
    assert [issue.code for issue in health.issues] == ["STORE_UNREACHABLE"]
    assert not health.HasField("read_time")
    assert not await serves(channel)
    # And goes on as usual when the store comes
    server.restart()

    async def known() -> bool:
        answer = await stub.GetHealth(pb.GetHealthRequest())
        return bool(answer.status == pb.Health.DEGRADED)

    await wait_until_async(known)
    await wait_until_async(lambda: serves(channel))
    # And its log told of the outage once, however often it looked
    told = [record for record in caplog.records if record.name == "monitor.collector"]
    assert [record.levelname for record in told if record.levelname != "INFO"] == ["WARNING"]


async def test_what_cannot_be_read_is_unknown_and_not_an_outage(valkey: str, start_monitor: Any) -> None:
    """A register that holds what this version cannot read must not look like a healthy system."""
    with redis.Redis.from_url(valkey) as client:
        client.zadd("{bothsides:workers}:seen", {"w1": 1})
        client.set("{bothsides:workers}:worker:w1", '{"of": "another kind"}')
        stub: Any = pb.MonitorServiceStub(await start_monitor(valkey))
        health = await stub.GetHealth(pb.GetHealthRequest())
        assert [issue.code for issue in health.issues] == ["FACTS_STALE"]
        assert health.status == pb.Health.UNKNOWN
