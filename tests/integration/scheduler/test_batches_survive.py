"""A scheduler that is killed between two chunks of a batch leaves the rest to another."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import redis

from bothsides.jobs import v1 as pb
from bothsides_stack.ports import free_port
from support.scheduler import BareWorker
from support.waiting import wait_until

MEMBERS = 3_000
MEMBERS_KEY = "{bothsides:data_processing}:members"


@contextmanager
def scheduler_on(store: str) -> Iterator[tuple[subprocess.Popen[bytes], pb.BatchServiceStub]]:
    """Run a scheduler; yields the process and a stub."""
    address = f"127.0.0.1:{free_port()}"
    variables = {"PATH": os.environ["PATH"], "REDIS_URL": store, "SCHEDULER_ADDR": address}
    process = subprocess.Popen([sys.executable, "-m", "scheduler"], env=variables, stderr=subprocess.DEVNULL)
    try:
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=60)
            yield process, pb.BatchServiceStub(channel)
    finally:
        process.kill()
        process.wait()


def jobs_of(count: int) -> pb.BatchMembers:
    spec = pb.JobSpec(generic=pb.GenericSpec(actor="work"))
    return pb.BatchMembers(jobs=pb.JobMembers(jobs=[pb.Job(spec=spec) for _ in range(count)]))


def test_another_scheduler_goes_on_where_one_was_killed(valkey: str, client: redis.Redis) -> None:
    # Given a batch of which a scheduler has submitted a part
    with scheduler_on(valkey) as (process, batches):
        # A queue that takes nothing holds it back, until all members are there.
        client.hset("{bothsides:data_processing}:config", "depth", 0)
        batch_id = batches.CreateBatch(
            pb.CreateBatchRequest(batch=pb.Batch(open=True), members=jobs_of(1_000))
        ).batch_id
        for _ in range(MEMBERS // 1_000 - 1):
            batches.AddBatchMembers(pb.AddBatchMembersRequest(batch_id=batch_id, members=jobs_of(1_000)))
        client.hdel("{bothsides:data_processing}:config", "depth")
        wait_until(lambda: client.hlen(MEMBERS_KEY))

        # When it is killed
        process.kill()
        process.wait()
    assert 0 < int(client.hlen(MEMBERS_KEY)) < MEMBERS

    with scheduler_on(valkey) as (_, batches):
        # Then another submits the rest, each once
        get = pb.GetBatchRequest(batch_id=batch_id)
        wait_until(lambda: batches.GetBatch(get).counts.unsubmitted_count == 0)
        assert batches.GetBatch(get).counts == pb.BatchCounts(waiting_count=MEMBERS)
        assert client.hlen(MEMBERS_KEY) == MEMBERS

        # and hears of all ends
        worker = BareWorker(client)
        done = 0
        while leases := worker.fetch_up_to(100):
            done += len(leases)
            for lease in leases:
                worker.succeed(lease)
        assert done == MEMBERS
        wait_until(lambda: batches.GetBatch(get).counts.succeeded_count == MEMBERS)
        assert batches.GetBatch(get).state == pb.Batch.RUNNING  # it is open
