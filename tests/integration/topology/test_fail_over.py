"""A master dies, a node dies, a slot moves: jobs go on, and nothing is lost or done twice."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import grpc.aio
import pytest
import redis
from dramatiq.errors import ConnectionClosed

from bothsides.jobs import v1 as pb
from common.store import stats
from support.effects import effects
from support.places import Place
from support.scheduler import Served, serving
from support.topology import ClusterOfServers, cluster_of_servers, sentinel_group
from support.waiting import wait_until, wait_until_async

pytestmark = pytest.mark.topology
#: On different nodes of a cluster of three.
QUEUES = ("ai_analysis", "data_processing", "notifications", "exports", "maintenance")


def place_of(cluster: ClusterOfServers) -> Place:
    return Place("cluster", cluster.variables, tuple(cluster.nodes))


def test_workers_go_on_at_the_replica_when_the_master_is_killed(client: redis.Redis, tmp_path: Path) -> None:
    with sentinel_group(tmp_path) as group:
        place = Place("sentinels", group.variables, tuple(group.servers))
        with effects(place, client) as rig:
            # Given jobs that are accepted and replicated, and workers in the middle of them
            rig.send(200)
            wait_until(group.is_replicated)
            rig.work()
            rig.work()
            rig.wait_for(40)

            # When the master is killed, and comes back later as a replica
            old, _ = group.fail_over()
            rig.send(50)
            old.start()
            rig.wait_for(250)

            # Then everything has run
            rig.check_that_nothing_was_lost()


@pytest.mark.parametrize("shape", ["sentinels", "cluster"])
async def test_a_watch_goes_on_at_the_promoted_server(shape: str, tmp_path: Path) -> None:
    """It is told that something may be missing, what there is now, and all that follows."""
    with ExitStack() as stack:
        if shape == "sentinels":
            group = stack.enter_context(sentinel_group(tmp_path))
            variables, is_replicated = group.variables, group.is_replicated
        else:
            cluster = stack.enter_context(cluster_of_servers(tmp_path, primaries=3, replicas=3))
            variables, is_replicated = cluster.variables, cluster.is_replicated
        # Given a watch, of a job that is replicated
        async with serving(variables) as scheduler:
            job = await scheduler.create()
            messages = aiter(scheduler.watch(job.job_id))
            told = [await anext(messages)]
            await asyncio.to_thread(wait_until, is_replicated)
            # When its server is lost
            if shape == "sentinels":
                await asyncio.to_thread(group.fail_over)
            else:
                holder = cluster.holder("{bothsides:data_processing}:events")
                await asyncio.to_thread(cluster.fail_over, holder)
            # Then it begins anew on its own, and hears of what comes
            told += [await anext(messages), await anext(messages)]
            await wait_until_async(lambda: _cancelled(scheduler, job.job_id))
            told += [message async for message in messages]
    assert [message.WhichOneof("event") for message in told] == [
        "snapshot",
        "reset",
        "snapshot",
        "state_change",
        "snapshot",
    ]
    assert told[-1].snapshot.state == pb.Job.CANCELLED


async def _cancelled(scheduler: Served, job_id: str) -> bool:
    """Cancel a job, if the store answers."""
    try:
        await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return False
    return True


def test_workers_go_on_when_a_node_of_the_cluster_is_killed(client: redis.Redis, tmp_path: Path) -> None:
    with (
        cluster_of_servers(tmp_path, primaries=3, replicas=3) as cluster,
        effects(place_of(cluster), client, *QUEUES) as rig,
    ):
        rig.send(200)
        wait_until(cluster.is_replicated)
        rig.work()
        rig.work()
        rig.wait_for(40)

        lost = cluster.holder(rig.broker.queues["ai_analysis"].events)
        cluster.fail_over(lost)
        rig.send(50)
        lost.start()
        rig.wait_for(250)

        rig.check_that_nothing_was_lost()


def test_a_queue_moves_to_another_node_while_its_jobs_run(client: redis.Redis, tmp_path: Path) -> None:
    """Slots move as a whole (Valkey 9, Redis 8.4): to a node that is new, and back again."""
    with cluster_of_servers(tmp_path) as cluster, effects(place_of(cluster), client, *QUEUES) as rig:
        rig.work()
        rig.work()
        rig.send(100)
        key = rig.broker.queues["exports"].events
        first, fresh = cluster.holder(key), cluster.add_primary()
        cluster.move_slot(key, fresh)
        rig.send(100)
        cluster.move_slot(key, first)
        rig.send(50)
        rig.wait_for(250)

        rig.check_that_nothing_was_lost()
        rig.check_that_no_attempt_ran_twice()


def test_a_queue_stands_still_while_its_keys_move_one_by_one(client: redis.Redis, tmp_path: Path) -> None:
    """The older way. No script runs on half of a queue's keys: each waits until all are on one side."""
    with cluster_of_servers(tmp_path) as cluster, effects(place_of(cluster), client, *QUEUES) as rig:
        rig.work()
        rig.work()
        rig.send(100)
        key = rig.broker.queues["exports"].events
        fresh = cluster.add_primary()

        # When some keys of the queue have moved and others have not
        cluster.begin_to_move_slot(key, fresh)
        cluster.move_keys(key, fresh, 10)
        with ThreadPoolExecutor() as pool:
            sending = pool.submit(rig.send, 50)
            with pytest.raises(ConnectionClosed):
                rig.broker.run(stats.read_stats(rig.broker.queues["exports"]))
            cluster.finish_moving_slot(key, fresh)
            sending.result()
        rig.wait_for(150)

        rig.check_that_nothing_was_lost()


def test_a_node_without_a_replica_stops_the_cluster_until_it_is_back(
    client: redis.Redis, tmp_path: Path
) -> None:
    """CLUSTERDOWN is waited out as any absence is."""
    with cluster_of_servers(tmp_path) as cluster, effects(place_of(cluster), client, *QUEUES) as rig:
        rig.send(150)
        rig.work()
        rig.work()
        rig.wait_for(30)
        lost = cluster.holder(rig.broker.queues["ai_analysis"].events)
        lost.kill()
        wait_until(lambda: cluster.state() == {"fail"})
        lost.start()
        wait_until(lambda: cluster.state() == {"ok"})
        rig.send(50)
        rig.wait_for(200)

        rig.check_that_nothing_was_lost()
