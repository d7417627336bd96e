"""What services say of the server that they start on, and which they refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from bothsides.jobs import v1 as pb
from common.settings import MonitorSettings, StoreSettings
from common.store.checks import check_servers, check_servers_async
from common.store.clients import async_redis_client, redis_client
from common.store.servers import ServerTooOld, read_servers, read_servers_async
from monitor.app import Monitor
from support.places import Place
from support.relay import Relay, relay
from support.topology import server
from support.waiting import wait_until_async


async def test_a_good_server_is_passed_over_in_silence(valkey: str, caplog: pytest.LogCaptureFixture) -> None:
    with redis_client(StoreSettings(valkey)) as client:
        check_servers(client)
    async with async_redis_client(StoreSettings(valkey)) as loop_client:
        await check_servers_async(loop_client)
    assert caplog.records == []


async def test_each_primary_of_a_cluster_is_asked_and_a_sentinels_master(place: Place) -> None:
    with place.client() as client:
        read = read_servers(client)
    async with async_redis_client(place.settings) as loop_client:
        read_async = await read_servers_async(loop_client)

    addresses = {one.address for one in read}
    assert addresses == {one.address for one in read_async}
    assert addresses == ({""} if place.name == "sentinels" else {one.address for one in place.servers})
    assert {(one.product, one.appends, one.eviction_policy) for one in read} == {
        ("Valkey", True, "noeviction")
    }
    assert {one.replicas for one in read} == ({1} if place.name == "sentinels" else {0})


def test_a_server_that_would_lose_jobs_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = {"appendonly": "no", "maxmemory-policy": "allkeys-lru", "maxmemory": "100mb"}
    with server(tmp_path, settings) as own, redis_client(StoreSettings(own.url)) as client:
        check_servers(client)
    codes = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert codes == ["SERVER_EVICTS", "SERVER_NOT_DURABLE"]


def test_one_that_is_away_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with redis_client(StoreSettings("redis://127.0.0.1:1/0")) as client:
        check_servers(client)
    assert [record.levelname for record in caplog.records] == ["INFO"]


@contextmanager
def older(tmp_path: Path) -> Iterator[Relay]:
    """Run a server behind a relay that tells of a lower version."""
    with server(tmp_path) as own:
        version = f"redis_version:{own.info('server')['redis_version']}"
        with relay(own.port, replacing=(version, version.replace(":7.", ":6."))) as telling:
            yield telling


async def test_an_old_one_is_refused(tmp_path: Path) -> None:
    with older(tmp_path) as own:
        settings = StoreSettings(f"redis://127.0.0.1:{own.port}/0")
        with redis_client(settings) as client, pytest.raises(ServerTooOld):
            check_servers(client)
        async with async_redis_client(settings) as loop_client:
            with pytest.raises(ServerTooOld):
                await check_servers_async(loop_client)


@pytest.mark.parametrize("service", ["scheduler", "monitor", "analysis_worker"])
def test_a_service_ends_with_a_clear_word_on_an_old_server(tmp_path: Path, service: str) -> None:
    listens = ("SCHEDULER_ADDR", "MONITOR_ADDR", "WORKER_HEALTH_ADDR")
    with older(tmp_path) as own:
        ended = subprocess.run(
            [sys.executable, "-m", service],
            env={
                "PATH": os.environ["PATH"],
                "REDIS_URL": f"redis://127.0.0.1:{own.port}/0",
                **dict.fromkeys(listens, "127.0.0.1:0"),
            },
            capture_output=True,
            timeout=60,
            check=False,
        )
    said = (ended.stdout + ended.stderr).decode()
    assert ended.returncode == 2, said
    assert "but the platform needs Valkey, or Redis 7 or newer" in said
    assert "Traceback" not in said


async def test_health_tells_of_a_weak_server_until_it_is_mended(tmp_path: Path) -> None:
    with server(tmp_path, {"maxmemory-policy": "volatile-lru"}) as own:
        variables = {"REDIS_URL": own.url, "MONITOR_ADDR": "127.0.0.1:0", "MONITOR_SHUTDOWN_MS": "0"}
        monitor = Monitor(MonitorSettings.from_environment(variables), tick_ms=20)
        port = await monitor.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub: Any = pb.MonitorServiceStub(channel)

                async def codes() -> list[str]:
                    health = await stub.GetHealth(pb.GetHealthRequest())
                    assert all(issue.recommendation for issue in health.issues)
                    return [issue.code for issue in health.issues]

                assert await codes() == ["NO_WORKERS", "SERVER_EVICTS"]
                with own.client() as operator:
                    operator.config_set("maxmemory-policy", "noeviction")

                async def mended() -> bool:
                    return await codes() == ["NO_WORKERS"]

                await wait_until_async(mended)
        finally:
            await monitor.stop()
