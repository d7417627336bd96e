"""While the keys of a slot move one by one, a script runs on all of its queue's keys or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from common.errors import StoreUnavailable
from common.job.ids import new_job_id
from common.job.model import JobRequest
from common.store import jobs, queues, stats
from common.store.clients import async_redis_client
from common.store.keys import QueueKeys
from common.store.operation import AsyncRunner, Client, Operation, SyncRunner
from support.places import Place
from support.topology import ClusterOfServers, Server

KEYS = QueueKeys("open", "default")


@pytest.fixture
def other(cluster: ClusterOfServers, cluster_place: Place) -> Server:
    """A node that does not hold the queue."""
    return next(node for node in cluster.primaries if node is not cluster.holder(KEYS.events))


@pytest.fixture
def client(cluster_place: Place) -> Iterator[Client]:
    with cluster_place.client() as connected:
        yield connected


def requests(count: int) -> list[JobRequest]:
    return [JobRequest(new_job_id("default"), "default", "work", b"{}") for _ in range(count)]


def contents(cluster: ClusterOfServers) -> dict[bytes, bytes]:
    """Return every key of the queue with its value, wherever it is."""
    found = {}
    for node in cluster.primaries:
        with node.client() as own:
            for key in own.scan_iter(f"{KEYS.prefix}*"):
                asking = own.pipeline(transaction=False)
                asking.execute_command("ASKING")  # else a node that does not have the slot yet sends us on
                asking.execute_command("DUMP", key)
                found[key] = asking.execute()[1]
    return found


def test_no_script_runs_on_half_of_a_queue(cluster: ClusterOfServers, client: Client, other: Server) -> None:
    runner = SyncRunner(client)
    first = requests(5)
    runner.run(jobs.submit(KEYS, first))
    fetch = jobs.fetch(KEYS, consumer="c", number=1, want=5, lease_ms=60_000, worker="w")

    # Given a slot with keys on both sides
    cluster.begin_to_move_slot(KEYS.events, other)
    assert cluster.move_keys(KEYS.events, other, 4) == 4
    before = contents(cluster)

    # Then nothing can be done with the queue, and nothing of it is changed by who tries
    cancel = jobs.cancel(KEYS, first[0].job_id, tenant="default")
    refused: list[Operation[Any]] = [jobs.submit(KEYS, requests(1)), fetch, cancel, stats.read_stats(KEYS)]
    for operation in refused:
        with pytest.raises(StoreUnavailable):
            runner.run(operation)
    assert contents(cluster) == before

    # And when the rest has moved, it goes on as if nothing had been
    cluster.finish_moving_slot(KEYS.events, other)
    assert contents(cluster) == before
    assert {lease.job_id for lease in runner.run(fetch).leases} == {one.job_id for one in first}


async def test_what_has_one_key_follows_it(
    cluster: ClusterOfServers, cluster_place: Place, client: Client
) -> None:
    """The register of queues can be read and written all the while."""
    runner = SyncRunner(client)
    register = "{open}:queues"
    runner.run(queues.declare_queue("open", "one"))
    target = next(node for node in cluster.primaries if node is not cluster.holder(register))
    async with async_redis_client(cluster_place.settings) as main:
        loop_runner = AsyncRunner(main)
        assert await loop_runner.run(queues.list_queues("open")) == ["one"]
        cluster.begin_to_move_slot(register, target)
        cluster.move_keys(register, target, 100)

        runner.run(queues.declare_queue("open", "two"))
        await loop_runner.run(queues.declare_queue("open", "three"))
        assert await loop_runner.run(queues.list_queues("open")) == ["one", "three", "two"]
        cluster.finish_moving_slot(register, target)
        assert runner.run(queues.list_queues("open")) == ["one", "three", "two"]
