"""MonitorService over a real port: what a client sees of what happens in the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import pytest
import redis
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from bothsides.jobs import v1 as pb
from common.settings import MonitorSettings
from common.store.operation import SyncRunner
from common.store.workers import WorkerReport, forget_worker, report_worker
from monitor.app import Monitor
from support.queue_driver import SUCCEED, QueueDriver
from support.waiting import wait_until_async

QUEUE = "exports"
#: A wait that only a broken test would need.
PATIENCE_S = 20.0


@pytest.fixture
def driver(client: redis.Redis) -> QueueDriver:
    """A queue by the server's clock, as the monitor that the tests talk to goes by it."""
    return QueueDriver(client, QUEUE, time.time_ns() // 1_000_000)


def a_worker(client: redis.Redis, *queues: str, slots: int = 4, running: int = 0) -> None:
    report = WorkerReport("w1", "host-1", 11, "0.1.0", queues, slots, running, 1_700_000_000_000)
    SyncRunner(client).run(report_worker("bothsides", report))


async def healthy(stub: Any) -> bool:
    return bool((await stub.GetHealth(pb.GetHealthRequest())).status == pb.Health.HEALTHY)


async def test_health_names_what_is_wrong_and_then_that_nothing_is(
    stub: Any, client: redis.Redis, driver: QueueDriver
) -> None:
    # Given no worker
    health = await stub.GetHealth(pb.GetHealthRequest())
    assert health.status == pb.Health.DEGRADED
    assert [issue.code for issue in health.issues] == ["NO_WORKERS"]
    assert health.issues[0].recommendation == "start one: python -m analysis_worker"
    # When one reports
    a_worker(client, QUEUE)
    # Then nothing is wrong any more
    await wait_until_async(lambda: healthy(stub))
    health = await stub.GetHealth(pb.GetHealthRequest())
    assert (list(health.issues), health.worker_count) == ([], 1)
    assert [stats.queue for stats in health.queues] == [QUEUE]
    assert health.HasField("read_time")


async def test_queue_stats_follow_the_queue(stub: Any, client: redis.Redis, driver: QueueDriver) -> None:
    a_worker(client, QUEUE, "notifications", slots=6)
    driver.submit()
    driver.submit()
    (member,) = driver.fetch()
    driver.now_ms += 250
    driver.finish(member, SUCCEED)

    async def stats() -> Any:
        # One look reads the workers before the queues: both must be new.
        response = await stub.ListQueueStats(pb.ListQueueStatsRequest())
        return [found for found in response.queues if found.total.succeeded and found.worker_count]

    (found,) = await wait_until_async(stats)
    assert found.total == pb.QueueStats.Counts(submitted=2, started=1, succeeded=1)
    assert (found.pending, found.running) == (1, 0)
    assert (found.worker_count, found.slot_count) == (1, 6)
    assert found.run.sample_count == 1
    assert 250 <= found.run.p50.ToMilliseconds() <= 300
    assert found.run.p50 == found.run.p99
    assert not found.paused
    # And the queue can be asked for alone
    response = await stub.ListQueueStats(pb.ListQueueStatsRequest(queue=QUEUE))
    assert [alone.queue for alone in response.queues] == [QUEUE]


async def test_all_queues_are_listed_by_name(stub: Any, client: redis.Redis, driver: QueueDriver) -> None:
    for name in ("notifications", "ai_analysis"):
        QueueDriver(client, name, driver.now_ms)

    async def names_of_three() -> list[str]:
        response = await stub.ListQueueStats(pb.ListQueueStatsRequest())
        return [stats.queue for stats in response.queues] if len(response.queues) >= 3 else []

    assert await wait_until_async(names_of_three) == ["ai_analysis", "exports", "notifications"]


async def test_an_unknown_queue_is_not_found(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListQueueStats(pb.ListQueueStatsRequest(queue="nobodys"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    status = rpc_status.from_call(caught.value)
    info, resource = error_details_pb2.ErrorInfo(), error_details_pb2.ResourceInfo()
    assert status.details[0].Unpack(info)
    assert info.reason == "QUEUE_NOT_FOUND"
    assert status.details[1].Unpack(resource)
    assert (resource.resource_type, resource.resource_name) == ("queue", "nobodys")


async def test_a_queue_name_that_is_too_long_is_refused_by_its_field(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListQueueStats(pb.ListQueueStatsRequest(queue="q" * 101))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (caught.value.details() or "").startswith("queue: ")


async def test_workers_are_listed_as_they_report_themselves(stub: Any, client: redis.Redis) -> None:
    a_worker(client, QUEUE, "notifications", slots=6, running=2)

    async def workers() -> Any:
        return list((await stub.ListWorkers(pb.ListWorkersRequest())).workers)

    (worker,) = await wait_until_async(workers)
    assert (worker.worker_id, worker.pid, worker.slot_count, worker.running) == ("w1", 11, 6, 2)
    assert list(worker.queues) == [QUEUE, "notifications"]
    assert worker.start_time.ToMilliseconds() == 1_700_000_000_000
    # And they are gone when they said goodbye
    SyncRunner(client).run(forget_worker("bothsides", "w1"))

    async def none() -> bool:
        return not await workers()

    await wait_until_async(none)


async def test_a_watch_tells_the_present_health_and_then_every_change(
    stub: Any, client: redis.Redis, driver: QueueDriver
) -> None:
    watch = stub.WatchHealth(pb.WatchHealthRequest(), timeout=PATIENCE_S)
    assert (await watch.read()).status == pb.Health.DEGRADED
    # When a worker comes
    a_worker(client, QUEUE)
    assert (await watch.read()).status == pb.Health.HEALTHY
    # And goes while a job waits
    driver.submit()
    SyncRunner(client).run(forget_worker("bothsides", "w1"))
    changed = await watch.read()
    assert changed.status == pb.Health.DEGRADED
    assert {issue.code for issue in changed.issues} == {"NO_WORKERS", "QUEUE_WITHOUT_WORKERS"}
    watch.cancel()


async def test_a_silent_watch_repeats_itself(
    valkey: str, start_monitor: Callable[..., Awaitable[grpc.aio.Channel]]
) -> None:
    """Nothing changes here, so whatever comes after the first message comes of the silence."""
    stub: Any = pb.MonitorServiceStub(await start_monitor(valkey, silence_s=0.1))
    watch = stub.WatchHealth(pb.WatchHealthRequest(), timeout=PATIENCE_S)
    messages = [await watch.read() for _ in range(3)]
    outlines = [[issue.code for issue in message.issues] for message in messages]
    assert outlines == [["NO_WORKERS"]] * 3
    # Each is fresh, though it says the same
    times = [message.read_time.ToMilliseconds() for message in messages]
    assert times[0] < times[1] < times[2]
    watch.cancel()


async def test_many_watchers_hear_the_same_change(
    stub: Any, client: redis.Redis, driver: QueueDriver
) -> None:
    watches = [stub.WatchHealth(pb.WatchHealthRequest(), timeout=PATIENCE_S) for _ in range(50)]
    assert {(await watch.read()).status for watch in watches} == {pb.Health.DEGRADED}
    a_worker(client, QUEUE)
    messages = await asyncio.gather(*(watch.read() for watch in watches))
    assert {message.status for message in messages} == {pb.Health.HEALTHY}
    for watch in watches:
        watch.cancel()


async def test_the_server_says_over_grpc_health_that_it_serves(channel: grpc.aio.Channel) -> None:
    check: Any = health_pb2_grpc.HealthStub(channel).Check
    for service in ("", "bothsides.jobs.v1.MonitorService"):
        response = await check(health_pb2.HealthCheckRequest(service=service))
        assert response.status == health_pb2.HealthCheckResponse.SERVING


async def test_it_stops_whatever_its_look_is_doing(valkey: str) -> None:
    """With no pause between looks nearly every stop meets one; none may keep the monitor alive."""
    settings = MonitorSettings.from_environment({"REDIS_URL": valkey, "MONITOR_ADDR": "127.0.0.1:0"})
    for _ in range(30):
        monitor = Monitor(settings, tick_ms=1)
        await monitor.start()
        await monitor.stop()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert [task for task in others if "Collector" in repr(task)] == []
