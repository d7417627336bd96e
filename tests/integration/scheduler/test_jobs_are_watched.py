"""WatchJob over a real port and a real store: nothing missed, nothing told twice, whatever breaks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import redis
from google.rpc import error_details_pb2

from bothsides.jobs import v1 as pb
from bothsides_stack.embedded import EmbeddedServer
from common.auth.caller import Role
from common.job.model import Content, ErrorClass, JobError
from common.job.outcome import Retry
from support.rpc import detail, failed_stream, status_in
from support.scheduler import BareWorker, Served, credentials, generic, refusal_in, serving
from support.waiting import wait_until_async

EVENTS_KEY = "{bothsides:data_processing}:events"


def _told(message: pb.WatchJobResponse) -> str:
    """Return a message as a short text."""
    match message.WhichOneof("event"):
        case "snapshot":
            return f"snapshot {pb.Job.State.Name(message.snapshot.state)}"
        case "state_change":
            change = message.state_change
            return f"{pb.Job.State.Name(change.state)} {change.attempt}"
        case "progress":
            return f"progress {message.progress.stage}"
        case "partial_result":
            return f"part {message.partial_result.part}"
        case other:
            return str(other)


def _changes(told: list[pb.WatchJobResponse]) -> list[str]:
    """Return what must never be dropped."""
    return [_told(message) for message in told if not message.HasField("progress")]


async def _all(call: Any) -> list[pb.WatchJobResponse]:
    return [message async for message in call]


async def _life(worker: BareWorker, parts: int = 6) -> AsyncIterator[None]:
    """Run a job through a failed attempt and a good one; stops after each step."""
    lease = worker.fetch()
    yield
    worker.report(lease, 0.1, "reading")
    yield
    worker.finish(lease, Retry(JobError(ErrorClass.TRANSIENT, "FLAKY", attempt=1, at_ms=1), delay_ms=0))
    yield
    lease = worker.fetch()
    yield
    for i in range(parts):
        worker.report(lease, i / parts, f"part {i}")
        yield
        worker.keep(lease, f"p{i}")
        yield
    worker.succeed(lease, Content("application/json", b"42"))


#: What a watcher is told of such a life after the first snapshot, without progress.
LIFE = ["RUNNING 1", "RETRYING 1", "PENDING 1", "RUNNING 2", *(f"part p{i}" for i in range(6)), "SUCCEEDED 2"]


async def test_a_watch_tells_a_life_from_a_snapshot_to_the_end(scheduler: Served, worker: BareWorker) -> None:
    # Given a watcher of a waiting job
    job = await scheduler.create()
    messages = aiter(scheduler.watch(job.job_id))
    told = [await anext(messages)]

    # When the job runs, one step at a time
    async for _ in _life(worker):
        pass
    told += [message async for message in messages]

    # Then it was told everything, and at last the job with its result
    texts = [_told(message) for message in told]
    assert texts[0] == "snapshot PENDING"
    assert [text for text in texts if not text.startswith(("snapshot", "progress"))] == LIFE
    assert texts[-1] == "snapshot SUCCEEDED"
    assert told[-1].snapshot.result.generic.number_value == 42
    assert told[2].state_change.error.reason == "FLAKY" or told[3].state_change.error.reason == "FLAKY"
    assert all(message.resume_token and message.event_time.seconds for message in told)


async def test_the_basic_view_tells_of_no_parts(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    messages = aiter(scheduler.watch(job.job_id, view=pb.JOB_VIEW_BASIC))
    await anext(messages)

    async for _ in _life(worker):
        pass
    told = [message async for message in messages]

    texts = [_told(message) for message in told]
    assert not [text for text in texts if text.startswith("part ")]
    assert texts[-2:] == ["SUCCEEDED 2", "snapshot SUCCEEDED"]
    assert not told[-1].snapshot.HasField("result")


async def test_a_watch_on_a_final_job_is_one_snapshot(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    worker.succeed(worker.fetch())

    assert [_told(message) for message in await _all(scheduler.watch(job.job_id))] == ["snapshot SUCCEEDED"]


async def _watch_in_pieces(
    replicas: list[Served], job_id: str, token: str, chance: random.Random
) -> list[pb.WatchJobResponse]:
    """Watch from a token to the last snapshot, dropping the call now and then for another replica."""
    told: list[pb.WatchJobResponse] = []
    while True:
        call = chance.choice(replicas).watch(job_id, resume_token=token)
        left = chance.randint(1, 3)
        async for message in call:
            told.append(message)
            token = message.resume_token
            if message.HasField("snapshot"):
                return told
            left -= 1
            if left == 0:
                call.cancel()
                break


@pytest.mark.parametrize("seed", range(5))
async def test_a_watcher_that_is_dropped_often_is_told_the_same(
    valkey: str, client: redis.Redis, seed: int
) -> None:
    chance = random.Random(seed)
    worker = BareWorker(client)
    async with serving(valkey) as one, serving(valkey) as other:
        # Given one watcher that stays, and three that drop and go on at either replica
        job = await one.create()
        steady = aiter(one.watch(job.job_id))
        token = (await anext(steady)).resume_token
        pieces = [
            asyncio.create_task(_watch_in_pieces([one, other], job.job_id, token, random.Random(i)))
            for i in range(3 * seed, 3 * seed + 3)
        ]

        # When the job runs, with pauses
        async for _ in _life(worker):
            await asyncio.sleep(chance.random() * 0.02)
        expected = _changes([message async for message in steady])
        dropped = [_changes(told) for told in await asyncio.gather(*pieces)]

    # Then all were told the same changes and parts, in the same order, each once
    assert expected == [*LIFE, "snapshot SUCCEEDED"]
    assert dropped == [expected] * 3


async def test_a_watcher_that_is_dropped_50_times_while_200_jobs_run_is_told_the_same(
    valkey: str, client: redis.Redis
) -> None:
    worker = BareWorker(client)
    async with serving(valkey) as one, serving(valkey) as other:
        # Given a long job, a watcher of it that stays, and one that drops after each message or two
        job = await one.create()
        lease = worker.fetch()
        steady = aiter(one.watch(job.job_id))
        token = (await anext(steady)).resume_token
        drops = 0

        async def watch_in_pieces(token: str) -> list[pb.WatchJobResponse]:
            nonlocal drops
            told: list[pb.WatchJobResponse] = []
            while not (told and told[-1].HasField("snapshot")):
                replica = (one, other)[drops % 2]
                left = 1 + drops % 2 if drops < 50 else -1
                call = replica.watch(job.job_id, resume_token=token)
                async for message in call:
                    told.append(message)
                    token = message.resume_token
                    left -= 1
                    if left == 0:
                        break
                drops += left == 0
                call.cancel()
            return told

        pieces = asyncio.create_task(watch_in_pieces(token))

        # When 200 others run meanwhile
        for i in range(200):
            await one.create()
            neighbour = worker.fetch()
            worker.report(lease, i / 200, f"step {i}")
            worker.keep(neighbour, "theirs")
            if i % 2:
                worker.keep(lease, f"p{i}")
            worker.succeed(neighbour)
        worker.succeed(lease, Content("application/json", b"42"))
        expected = _changes([message async for message in steady])
        told = _changes(await pieces)

    # Then both were told the same changes and parts in the same order
    assert drops == 50
    assert expected == [*(f"part p{i}" for i in range(1, 200, 2)), "SUCCEEDED 1", "snapshot SUCCEEDED"]
    assert told == expected


async def test_a_token_after_the_last_change_brings_the_last_snapshot(
    scheduler: Served, worker: BareWorker
) -> None:
    job = await scheduler.create()
    messages = aiter(scheduler.watch(job.job_id))
    await anext(messages)
    worker.succeed(worker.fetch())
    told = [message async for message in messages]
    last_change = next(message for message in told if _told(message) == "SUCCEEDED 1")

    resumed = await _all(scheduler.watch(job.job_id, resume_token=last_change.resume_token))

    assert [_told(message) for message in resumed] == ["snapshot SUCCEEDED"]


async def test_a_job_that_was_retried_meanwhile_is_watched_on(scheduler: Served, worker: BareWorker) -> None:
    # Given a watcher that left before a job failed
    job = await scheduler.create()
    call = scheduler.watch(job.job_id)
    token = (await anext(aiter(call))).resume_token
    call.cancel()
    worker.fail(worker.fetch())
    await scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=job.job_id))

    # When it resumes, and the job succeeds
    messages = aiter(scheduler.watch(job.job_id, resume_token=token))
    told = [_told(await anext(messages)) for _ in range(3)]
    worker.succeed(worker.fetch())
    told += [_told(message) async for message in messages]

    # Then the failure was not the end
    assert told == ["RUNNING 1", "FAILED 1", "PENDING 1", "RUNNING 2", "SUCCEEDED 2", "snapshot SUCCEEDED"]


async def test_a_token_older_than_the_stream_resets_the_watch(scheduler: Served, client: redis.Redis) -> None:
    job = await scheduler.create()
    call = scheduler.watch(job.job_id)
    token = (await anext(aiter(call))).resume_token
    call.cancel()
    await scheduler.create()
    client.xtrim(EVENTS_KEY, maxlen=1, approximate=False)

    messages = aiter(scheduler.watch(job.job_id, resume_token=token))
    told = [_told(await anext(messages)) for _ in range(2)]

    assert told == ["reset", "snapshot PENDING"]


async def test_a_change_to_an_unknown_state_is_told_as_the_job_is(
    scheduler: Served, client: redis.Redis
) -> None:
    """Another version may write what this one does not know; the job's end must not be missed over it."""
    job = await scheduler.create()
    messages = aiter(scheduler.watch(job.job_id))
    first = await anext(messages)
    client.xadd(EVENTS_KEY, {"1": f"S\t{job.job_id}\t1\t0\tHIBERNATING\t"})

    live = _told(await anext(messages))
    resumed = _told(await anext(aiter(scheduler.watch(job.job_id, resume_token=first.resume_token))))

    assert live == resumed == "snapshot PENDING"


async def test_an_update_is_told_as_the_job_is(scheduler: Served) -> None:
    job = await scheduler.create()
    messages = aiter(scheduler.watch(job.job_id))
    await anext(messages)

    change = pb.UpdateJobRequest(job=pb.Job(job_id=job.job_id, priority=pb.Job.HIGH))
    await scheduler.jobs.UpdateJob(change)

    assert (await anext(messages)).snapshot.priority == pb.Job.HIGH


async def test_an_entry_that_cannot_be_read_resets_the_watch(scheduler: Served, client: redis.Redis) -> None:
    """So that the job's end is not missed over it."""
    job = await scheduler.create()
    messages = aiter(scheduler.watch(job.job_id))
    first = await anext(messages)
    client.xadd(EVENTS_KEY, {"1": f"S\t{job.job_id}\t1\tzero\tRUNNING\t"})

    live = [_told(await anext(messages)) for _ in range(2)]
    resumed = aiter(scheduler.watch(job.job_id, resume_token=first.resume_token))
    replayed = [_told(await anext(resumed)) for _ in range(2)]

    assert live == replayed == ["reset", "snapshot PENDING"]


async def test_a_long_absence_is_made_up_for(scheduler: Served, worker: BareWorker) -> None:
    """More happened, to this job and to others, than is read from the stream at once."""
    job = await scheduler.create()
    call = scheduler.watch(job.job_id)
    token = (await anext(aiter(call))).resume_token
    call.cancel()
    lease = worker.fetch()
    for i in range(300):
        worker.keep(lease, f"p{i}")
        if i % 2:
            await scheduler.create()
    worker.succeed(lease)

    told = _changes(await _all(scheduler.watch(job.job_id, resume_token=token)))

    parts = [f"part p{i}" for i in range(300)]
    assert told == ["RUNNING 1", *parts, "SUCCEEDED 1", "snapshot SUCCEEDED"]


async def test_a_token_of_another_history_resets_the_watch(scheduler: Served, client: redis.Redis) -> None:
    job = await scheduler.create()
    call = scheduler.watch(job.job_id)
    token = (await anext(aiter(call))).resume_token
    call.cancel()
    await wait_until_async(_no_feed(client))
    client.hset("{bothsides}:deployment", "epoch", "another")

    messages = aiter(scheduler.watch(job.job_id, resume_token=token))
    told = [_told(await anext(messages)) for _ in range(2)]

    assert told == ["reset", "snapshot PENDING"]


async def test_a_bad_token_is_refused(scheduler: Served) -> None:
    job, other = await scheduler.create(), await scheduler.create()
    of_another = (await anext(aiter(scheduler.watch(other.job_id)))).resume_token

    for token in (of_another, "nonsense", "é", "W10", of_another[:-4]):
        _, error = await failed_stream(scheduler.watch(job.job_id, resume_token=token))
        refused = refusal_in(error)
        assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID")
        assert refused.fields == ["resume_token"]


async def test_a_watch_on_no_job_is_refused(scheduler: Served) -> None:
    _, error = await failed_stream(scheduler.watch("ai-nothing"))

    assert refusal_in(error).reason == "JOB_NOT_FOUND"


async def test_a_job_of_another_tenant_cannot_be_watched(valkey: str) -> None:
    async with serving(valkey, auth=True) as served:
        theirs = await served.jobs.CreateJob(generic(), metadata=credentials("north", Role.SUBMITTER))
        watch = pb.WatchJobRequest(job_id=theirs.job_id)

        _, error = await failed_stream(
            served.jobs.WatchJob(watch, metadata=credentials("south", Role.VIEWER))
        )

    assert refusal_in(error).reason == "JOB_NOT_FOUND"


async def test_silence_is_broken_by_heartbeats_that_can_be_resumed_from(valkey: str) -> None:
    async with serving(valkey, heartbeat_s=0.05) as served:
        job = await served.create()
        messages = aiter(served.watch(job.job_id))
        told = [await anext(messages) for _ in range(3)]
        await served.jobs.CancelJob(pb.CancelJobRequest(job_id=job.job_id))

        resumed = await _all(served.watch(job.job_id, resume_token=told[-1].resume_token))

    assert [_told(message) for message in told] == ["snapshot PENDING", "heartbeat", "heartbeat"]
    assert [_told(message) for message in resumed] == ["CANCELLED 0", "snapshot CANCELLED"]


async def test_a_watcher_that_reads_too_slowly_is_closed_with_its_token(
    valkey: str, client: redis.Redis
) -> None:
    """The events fill the buffers of both sides' gRPC, and then the watch's own, which is small here."""
    worker = BareWorker(client)
    async with serving(valkey, max_waiting=20) as served:
        job = await served.create()
        messages = aiter(served.watch(job.job_id))
        told = [await anext(messages)]
        lease = worker.fetch()
        for i in range(120):
            worker.keep(lease, f"p{i}", "x" * 20_000)
        worker.succeed(lease)

        # When it reads at last, then the stream ends with an error that carries a token
        late, error = await failed_stream(messages)
        told += late
        refused = refusal_in(error)
        assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCH_TOO_SLOW")
        assert refused.metadata["resume_token"] == told[-1].resume_token
        assert detail(status_in(error), error_details_pb2.RetryInfo).HasField("retry_delay")

        # And going on from there, nothing is missing
        rest = await _all(served.watch(job.job_id, resume_token=told[-1].resume_token))
    parts = [message.partial_result.part for message in (*told, *rest) if message.HasField("partial_result")]
    assert parts == [f"p{i}" for i in range(120)]


async def test_many_watchers_share_one_reader(valkey: str, client: redis.Redis) -> None:
    worker = BareWorker(client)
    async with serving(valkey) as served:
        created = [await served.create() for _ in range(20)]
        watching = [asyncio.create_task(_all(served.watch(job.job_id))) for job in created for _ in range(3)]
        await wait_until_async(_feeds(client, 1))
        for _ in created:
            worker.succeed(worker.fetch())
        told = await asyncio.gather(*watching)
        assert all(_told(messages[-1]) == "snapshot SUCCEEDED" for messages in told)
        await wait_until_async(_no_feed(client))


async def test_a_feed_finds_its_place_again_after_the_store_was_away() -> None:
    """The server's history is kept, so the watch goes on as if nothing had happened."""
    with EmbeddedServer(fsync="always") as server, redis.Redis.from_url(server.url, protocol=2) as client:
        worker = BareWorker(client)
        async with serving(server.url) as served:
            job = await served.create()
            messages = aiter(served.watch(job.job_id))
            told = [_told(await anext(messages))]
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.restart)
            worker.succeed(worker.fetch())
            told += [_told(message) async for message in messages]

    assert told == ["snapshot PENDING", "RUNNING 1", "SUCCEEDED 1", "snapshot SUCCEEDED"]


async def test_a_feed_that_is_cut_off_again_and_again_tells_everything(
    scheduler: Served, worker: BareWorker, client: redis.Redis
) -> None:
    job = await scheduler.create()
    messages = aiter(scheduler.watch(job.job_id))
    told = [await anext(messages)]
    async for _ in _life(worker):
        _cut_feeds(client)
        await asyncio.sleep(0.01)
    told += [message async for message in messages]

    assert _changes(told) == ["snapshot PENDING", *LIFE, "snapshot SUCCEEDED"]


async def test_a_feed_that_lost_its_place_resets_its_watches(scheduler: Served, client: redis.Redis) -> None:
    """The entry it stood on is gone, and its connection with it."""
    job = await scheduler.create()
    messages = aiter(scheduler.watch(job.job_id))
    told = [_told(await anext(messages))]
    client.delete(EVENTS_KEY)
    _cut_feeds(client)

    told += [_told(await anext(messages)) for _ in range(2)]
    await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=job.job_id))
    told += [_told(message) async for message in messages]

    assert told == ["snapshot PENDING", "reset", "snapshot PENDING", "CANCELLED 0", "snapshot CANCELLED"]


async def test_a_shutdown_ends_watches_so_that_another_replica_goes_on(
    valkey: str, client: redis.Redis
) -> None:
    worker = BareWorker(client)
    async with serving(valkey) as other:
        async with serving(valkey, shutdown_ms=10_000) as leaving:
            job = await leaving.create()
            messages = aiter(leaving.watch(job.job_id))
            first = await anext(messages)
            leave = asyncio.create_task(leaving.scheduler.stop())
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                await anext(messages)
            await leave
        refused = refusal_in(ended.value)
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        assert refused.metadata["resume_token"] == first.resume_token
        worker.succeed(worker.fetch())
        told = await _all(other.watch(job.job_id, resume_token=first.resume_token))

    assert [_told(message) for message in told] == ["RUNNING 1", "SUCCEEDED 1", "snapshot SUCCEEDED"]


def _cut_feeds(client: redis.Redis) -> None:
    """Cut the connections that feeds read on."""
    for connection in client.client_list():
        if connection["name"] == "bothsides-scheduler-feed":
            client.client_kill_filter(_id=connection["id"])


def _feeds(client: redis.Redis, count: int) -> Any:
    """Return a condition: as many connections block in a read of events."""

    async def reading() -> bool:
        names = [connection["name"] for connection in client.client_list() if connection["cmd"] == "xread"]
        return names.count("bothsides-scheduler-feed") == count

    return reading


def _no_feed(client: redis.Redis) -> Any:
    return _feeds(client, 0)


def _parts(told: list[pb.WatchJobResponse]) -> list[str]:
    """Return what was told of parts: content, not only names."""
    parts = [message.partial_result for message in told if message.HasField("partial_result")]
    return [f"{part.part} {part.attempt} {part.result.generic.string_value}" for part in parts]


async def test_parts_that_gave_way_to_newer_ones_are_told_as_they_were(
    valkey: str, client: redis.Redis
) -> None:
    worker = BareWorker(client)
    async with serving(valkey) as one, serving(valkey) as other:
        # Given a job whose parts were made anew, in one attempt and by the next
        job = await one.create()
        token = (await anext(aiter(one.watch(job.job_id)))).resume_token
        lease = worker.fetch()
        for name, text in (("tone", "warm"), ("claims", "two"), ("tone", "warmer")):
            worker.keep(lease, name, text)
        worker.finish(lease, Retry(JobError(ErrorClass.TRANSIENT, "FLAKY", attempt=1, at_ms=1), delay_ms=0))
        lease = worker.fetch()
        worker.keep(lease, "tone", "cold")
        worker.succeed(lease)

        # When one watches that was away all the time, and one that is dropped after each message
        told = await _all(one.watch(job.job_id, resume_token=token))
        pieces: list[pb.WatchJobResponse] = []
        while not pieces or not pieces[-1].HasField("snapshot"):
            call = (one, other)[len(pieces) % 2].watch(job.job_id, resume_token=token)
            pieces.append(await anext(aiter(call)))
            token = pieces[-1].resume_token
            call.cancel()

        # Then both are told of each part what it was, in order
        made = ["tone 1 warm", "claims 1 two", "tone 1 warmer", "tone 2 cold"]
        assert _parts(told) == _parts(pieces) == made
        assert [_told(message) for message in pieces] == [_told(message) for message in told]


async def test_a_watch_that_comes_too_late_for_a_part_begins_anew(
    scheduler: Served, worker: BareWorker, client: redis.Redis
) -> None:
    job = await scheduler.create()
    token = (await anext(aiter(scheduler.watch(job.job_id)))).resume_token
    lease = worker.fetch()
    worker.keep(lease, "tone", "warm")
    worker.keep(lease, "tone", "warmer")
    # Given that what gave way is not kept any more
    client.delete(f"{worker.keys.prefix}former:{job.job_id}")
    worker.succeed(lease)

    told = await _all(scheduler.watch(job.job_id, resume_token=token))
    assert [_told(message) for message in told] == ["RUNNING 1", "reset", "snapshot SUCCEEDED"]
    assert [part.result.generic.string_value for part in told[-1].snapshot.partial_results] == ["warmer"]
