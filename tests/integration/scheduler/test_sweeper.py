"""What time alone brings about happens, also where no worker fetches and nothing ends."""

from __future__ import annotations

import redis

from common.job.ids import JobId
from common.job.model import Content, ErrorClass, JobError
from common.job.outcome import Fail, Outcome, Succeed
from common.job.states import JobState
from common.store import jobs, stats
from common.store.operation import AsyncRunner
from scheduler.sweeper import SHED_JOBS, Sweeper, is_short
from support.store import Queue


def sweeper_of(aclient: redis.asyncio.Redis) -> Sweeper:
    return Sweeper(aclient, AsyncRunner(aclient), "test")


async def test_a_waiting_job_expires_without_a_worker(client: redis.Redis, valkey: str) -> None:
    queue = Queue(client)
    client.sadd("{test}:queues", queue.name)
    job_id = queue.submit(expire_ms=1)
    async with redis.asyncio.Redis.from_url(valkey, protocol=2) as aclient:
        await sweeper_of(aclient).sweep()
    assert queue.state(job_id) is JobState.EXPIRED


async def test_a_lease_that_ran_out_is_taken_back_without_a_worker(client: redis.Redis, valkey: str) -> None:
    queue = Queue(client, now_ms=1_000)
    client.sadd("{test}:queues", queue.name)
    job_id = queue.submit()
    queue.fetch()
    async with redis.asyncio.Redis.from_url(valkey, protocol=2) as aclient:
        await sweeper_of(aclient).sweep()
    job = queue.job(job_id)
    assert (job.state, job.lost) == (JobState.PENDING, 1)


async def test_a_store_that_is_nearly_full_gives_up_the_oldest_successes(
    client: redis.Redis, valkey: str
) -> None:
    queue = Queue(client)
    client.sadd("{test}:queues", queue.name)
    queue.submit_all([queue.request() for _ in range(130)])
    for lease in queue.fetch(130):
        queue.finish(lease, Succeed())
    used = client.info("memory")["used_memory"]
    try:
        client.config_set("maxmemory", int(used * 1.05))
        async with redis.asyncio.Redis.from_url(valkey, protocol=2) as aclient:
            sweeper = sweeper_of(aclient)
            await sweeper._look_at_memory()
            # The queue's clock is ahead of the server's, so what ended then is not yet old.
            assert await sweeper.sweep() == 30
    finally:
        client.config_set("maxmemory", 0)
    assert client.zcard(f"{queue.keys.prefix}done:SUCCEEDED") == 100
    assert SHED_JOBS > 30


def ended(queue: Queue, outcome: Outcome) -> JobId:
    job_id = queue.submit(payload=b"x" * 1_000)
    [lease] = queue.fetch()
    queue.finish(lease, outcome)
    return job_id


async def test_a_queue_keeps_within_its_budget_for_memory(client: redis.Redis, valkey: str) -> None:
    """The oldest go first, and succeeded ones before the failed; what was there before it counts too."""
    queue = Queue(client)
    client.sadd("{test}:queues", queue.name)
    result = Succeed(Content("application/json", b"y" * 20_000))
    failed = [ended(queue, Fail(JobError(ErrorClass.BUG, "TEST"))) for _ in range(5)]
    succeeded = [ended(queue, result) for _ in range(400)]
    queue.configure(**{"memory": str(2**20), "keep:SUCCEEDED": "10/60000"})
    # What has just ended stays; then time passes, and something ends again.
    async with redis.asyncio.Redis.from_url(valkey, protocol=2) as aclient:
        assert await sweeper_of(aclient).sweep() == 0
        queue.now_ms += 10_000
        succeeded.append(ended(queue, result))

        removed = await sweeper_of(aclient).sweep()

    kept = [job_id for job_id in succeeded if queue.run(jobs.get(queue.keys, job_id)) is not None]
    held = queue.run(stats.read_stats(queue.keys)).kept_bytes
    assert kept == succeeded[removed:]
    # So many that one more would be too much: each takes some 22 KB.
    assert 2**20 - 30_000 < held <= 2**20
    assert all(queue.state(job_id) is JobState.FAILED for job_id in failed)


async def test_a_budget_for_memory_leaves_the_last_of_each_state(client: redis.Redis, valkey: str) -> None:
    queue = Queue(client)
    client.sadd("{test}:queues", queue.name)
    failed = [ended(queue, Fail(JobError(ErrorClass.BUG, "TEST"))) for _ in range(4)]
    succeeded = [ended(queue, Succeed()) for _ in range(4)]
    queue.configure(**{"memory": "1", "keep:SUCCEEDED": "2/", "keep:FAILED": "3/"})
    queue.now_ms += 10_000
    queue.submit()
    async with redis.asyncio.Redis.from_url(valkey, protocol=2) as aclient:
        await sweeper_of(aclient).sweep()
    held = [job_id for job_id in succeeded + failed if queue.run(jobs.get(queue.keys, job_id)) is not None]
    assert held == succeeded[2:] + failed[1:]


def test_a_server_without_a_limit_is_never_short() -> None:
    assert not is_short(10, 0)
    assert is_short(9, 10)
    assert not is_short(8, 10)
