"""What an acknowledged submit outlives: its server's process, and the host's crash where that is asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import StoreUnavailable
from common.job.ids import new_job_id
from common.job.model import JobRequest
from common.settings import StoreSettings
from common.store import documents, jobs
from common.store.clients import async_redis_client, redis_client
from common.store.durability import EVERYSEC, Durability
from common.store.keys import QueueKeys
from common.store.operation import AsyncRunner, SyncRunner
from support.places import Place
from support.topology import ClusterOfServers, Server, server
from support.waiting import wait_until

KEYS = QueueKeys("durable", "default")
ON_DISK = Durability(on_disk=True)


def request(**fields: str) -> JobRequest:
    return JobRequest(new_job_id("default"), "default", "work", b"{}", **fields)  # type: ignore[arg-type]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server of this test's own, that writes to its disk with each command."""
    with server(tmp_path / "own", {"appendfsync": "always"}) as one:
        yield one


def waits(own: Server) -> int:
    """Return how many times the server was asked to wait for its disk."""
    calls: int = own.info("commandstats").get("cmdstat_waitaof", {}).get("calls", 0)
    return calls


@pytest.mark.parametrize("durability", [EVERYSEC, ON_DISK], ids=["everysec", "always"])
def test_a_killed_server_comes_back_with_every_acknowledged_job(own: Server, durability: Durability) -> None:
    """kill -9 of its process: what it has answered, it has given to the operating system."""
    acknowledged: list[str] = []
    lock = threading.Lock()

    def send() -> None:
        with redis_client(StoreSettings(own.url)) as client:
            runner = SyncRunner(client, durability=durability)
            while True:
                one = request()
                try:
                    runner.run(jobs.submit(KEYS, [one]))
                except StoreUnavailable:
                    return
                with lock:
                    acknowledged.append(one.job_id)

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    wait_until(lambda: len(acknowledged) >= 300)
    own.kill()
    for sender in senders:
        sender.join()
    own.start()
    with own.client() as client:
        kept = {key.decode().removeprefix(KEYS.job("")) for key in client.scan_iter(KEYS.job("*"))}
    assert set(acknowledged) <= kept
    # Of what was not acknowledged, each sender had one under way.
    assert len(kept) - len(acknowledged) <= len(senders)


def test_only_what_is_promised_waits_for_the_disk(own: Server) -> None:
    with redis_client(StoreSettings(own.url)) as client:
        runner = SyncRunner(client, durability=ON_DISK)
        one = request()
        put = documents.put_document("durable", documents.CONVERSATIONS, "acme", "one", body=b"b")
        for _ in range(2):  # the first time, the server does not know the scripts
            before = waits(own)
            runner.run(jobs.submit(KEYS, [one]))
            runner.run(put)
        after = waits(own)
        assert after - before == 2
        runner.run(jobs.get(KEYS, one.job_id))
        runner.run(jobs.cancel(KEYS, one.job_id, tenant="default"))
        SyncRunner(client).run(jobs.submit(KEYS, [request()]))
        assert waits(own) == after


async def test_it_is_so_on_an_event_loop_and_for_scripts_that_the_server_does_not_know(own: Server) -> None:
    async with async_redis_client(StoreSettings(own.url)) as client:
        runner = AsyncRunner(client, durability=ON_DISK)
        accepted = await runner.run(jobs.submit(KEYS, [request()]))
        await client.script_flush()
        many = await asyncio.gather(*(runner.run(jobs.submit(KEYS, [request()])) for _ in range(100)))
    assert isinstance(accepted[0], jobs.Accepted)
    assert {type(outcome) for [outcome] in many} == {jobs.Accepted}


def test_a_server_without_a_file_cannot_promise_it(tmp_path: Path) -> None:
    with (
        server(tmp_path / "own", {"appendonly": "no"}) as own,
        redis_client(StoreSettings(own.url)) as client,
        pytest.raises(StoreUnavailable),
    ):
        SyncRunner(client, durability=ON_DISK).run(jobs.submit(KEYS, [request()]))


@pytest.mark.topology  # it takes seconds: a replica tells once a second what its disk has
def test_a_replica_that_is_asked_for_is_waited_for(own: Server, tmp_path: Path) -> None:
    one = request(request_id="r", request_digest="d")
    submit = jobs.submit(KEYS, [one])
    with redis_client(StoreSettings(own.url)) as client:
        runner = SyncRunner(client, durability=Durability(on_disk=True, replicas=1))
        # Without a replica it is not acknowledged, though it was taken
        with pytest.raises(StoreUnavailable, match="not on as many disks"):
            runner.run(submit)
        # When there is one, then a repeat is, and not before the replica has it
        with server(tmp_path / "replica", {"replicaof": f"127.0.0.1 {own.port}"}) as replica:
            wait_until(lambda: replica.info("replication")["master_link_status"] == "up")
            [accepted] = runner.run(submit)
            assert isinstance(accepted, jobs.Accepted)
            with replica.client() as reader:
                assert reader.exists(KEYS.job(one.job_id))


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_cluster_and_a_sentinels_master_promise_the_same(place: Place, kind: str) -> None:
    one = request()
    await _submit(place, one, kind)

    with place.client() as client:
        assert SyncRunner(client).run(jobs.get(KEYS, one.job_id)) is not None
    assert sum(waits(each) for each in place.servers) > 0


async def test_the_promise_is_asked_of_the_node_that_the_queue_has_moved_to(
    cluster: ClusterOfServers, cluster_place: Place
) -> None:
    other = next(node for node in cluster.primaries if node is not cluster.holder(KEYS.events))
    with cluster_place.client() as client:
        runner = SyncRunner(client, durability=ON_DISK)
        async with async_redis_client(cluster_place.settings) as loop_client:
            loop_runner = AsyncRunner(loop_client, durability=ON_DISK)
            runner.run(jobs.submit(KEYS, [request()]))
            await loop_runner.run(jobs.submit(KEYS, [request()]))
            cluster.move_slot(KEYS.events, other)

            before = waits(other)
            runner.run(jobs.submit(KEYS, [request()]))
            await loop_runner.run(jobs.submit(KEYS, [request()]))
    assert waits(other) >= before + 2


async def _submit(place: Place, one: JobRequest, kind: str) -> None:
    if kind == "sync":
        with place.client() as client:
            SyncRunner(client, durability=ON_DISK).run(jobs.submit(KEYS, [one]))
    else:
        async with async_redis_client(place.settings) as loop_client:
            await AsyncRunner(loop_client, durability=ON_DISK).run(jobs.submit(KEYS, [one]))
