"""WatchJobs over a real port and a real store: all that happens to what matches, whatever breaks."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
import redis

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from common.job.model import Content, ErrorClass, JobError
from common.job.outcome import Retry
from common.store import jobs
from support.rpc import failed_stream
from support.scheduler import BareWorker, Served, credentials, generic, reflection, refusal_in, serving
from support.waiting import PATIENCE_S

EVENTS_KEY = "{bothsides:data_processing}:events"


def _told(event: pb.WatchJobsResponse.Event) -> str:
    """Return an event as a short text."""
    match event.WhichOneof("event"):
        case "snapshot":
            return f"snapshot {pb.Job.State.Name(event.snapshot.state)}"
        case "state_change":
            change = event.state_change
            return f"{pb.Job.State.Name(change.state)} {change.attempt}"
        case "progress":
            return f"progress {event.progress.stage}"
        case "partial_result":
            return f"part {event.partial_result.part}"
        case other:
            return str(other)


class Watcher:
    """Reads a watch, message by message."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self.messages: list[pb.WatchJobsResponse] = []

    @property
    def token(self) -> str:
        return self.messages[-1].resume_token

    @property
    def events(self) -> list[pb.WatchJobsResponse.Event]:
        return [event for message in self.messages for event in message.events]

    def told(self) -> list[str]:
        return [_told(event) for event in self.events]

    def told_of(self, job_id: str) -> list[str]:
        return [_told(event) for event in self.events if event.job_id == job_id]

    async def read(self) -> pb.WatchJobsResponse:
        """Return the next message."""
        message: Any = await self._call.read()
        assert message is not grpc.aio.EOF
        self.messages.append(message)
        return message  # type: ignore[no-any-return]

    async def read_until(self, condition: Callable[[], object]) -> None:
        """Read until something is true of what was read."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await self.read()

    async def expect(self, *told: str) -> None:
        """Read as many events; they must be these."""
        await self.read_until(lambda: len(self.events) >= len(told))
        assert self.told() == list(told)

    def leave(self) -> None:
        self._call.cancel()


@asynccontextmanager
async def watching(served: Served, query: str = "", **fields: Any) -> AsyncIterator[Watcher]:
    """Watch, and read the first message of a new watch."""
    watcher = Watcher(served.jobs.WatchJobs(pb.WatchJobsRequest(filter=query, **fields)))
    try:
        if "resume_token" not in fields:
            first = await watcher.read()
            assert first.resume_token
            assert first.HasField("heartbeat")
        yield watcher
    finally:
        watcher.leave()


async def test_what_happens_to_jobs_of_all_queues_is_told_with_a_token(
    scheduler: Served, worker: BareWorker, client: redis.Redis
) -> None:
    async with watching(scheduler) as watcher:
        one = await scheduler.create()
        worker.succeed(worker.fetch())
        other = await scheduler.create(reflection())
        BareWorker(client, "ai_analysis").fail(BareWorker(client, "ai_analysis").fetch())
        await watcher.read_until(lambda: len(watcher.events) >= 6)

    assert watcher.told_of(one.job_id) == ["PENDING 0", "RUNNING 1", "SUCCEEDED 1"]
    assert watcher.told_of(other.job_id) == ["PENDING 0", "RUNNING 1", "FAILED 1"]
    failed = next(event for event in watcher.events if event.state_change.state == pb.Job.FAILED)
    assert failed.state_change.error.reason == "BROKEN"
    assert all(event.event_time.seconds for event in watcher.events)
    assert all(message.resume_token and message.event_time.seconds for message in watcher.messages)


async def test_many_events_come_in_few_messages(scheduler: Served, worker: BareWorker) -> None:
    async with watching(scheduler) as watcher:
        await scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=[generic()] * 1_000))
        await watcher.read_until(lambda: len(watcher.events) >= 1_000)

    assert {_told(event) for event in watcher.events} == {"PENDING 0"}
    assert len({event.job_id for event in watcher.events}) == 1_000
    assert len(watcher.messages) < 60
    assert all(len(message.events) <= 500 for message in watcher.messages)


async def test_a_queue_that_is_declared_later_is_watched_from_its_first_job(scheduler: Served) -> None:
    async with watching(scheduler) as watcher:
        request = generic()
        request.job.spec.generic.queue = "brand-new"
        job = await scheduler.create(request)
        await watcher.expect("PENDING 0")

    assert watcher.events[0].job_id == job.job_id


async def test_only_jobs_of_the_callers_tenant_are_told(valkey: str, client: redis.Redis) -> None:
    async with serving(valkey, auth=True) as served:
        us = credentials("north", Role.SUBMITTER)
        watcher = Watcher(served.jobs.WatchJobs(pb.WatchJobsRequest(), metadata=us))
        await watcher.read()
        await served.jobs.CreateJob(generic(), metadata=credentials("south", Role.SUBMITTER))
        ours = await served.jobs.CreateJob(generic(), metadata=us)
        worker = BareWorker(client)
        for _ in range(2):
            lease = worker.fetch()
            worker.report(lease, 0.5, "half")
            worker.succeed(lease)
        await watcher.expect("PENDING 0", "RUNNING 1", "progress half", "SUCCEEDED 1")
        watcher.leave()

    assert {event.job_id for event in watcher.events} == {ours.job_id}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (
            "queue = data_processing",
            [
                "PENDING 0",
                "RUNNING 1",
                "progress half",
                "RETRYING 1",
                "PENDING 1",
                "RUNNING 2",
                "SUCCEEDED 2",
            ],
        ),
        ("state = RUNNING", ["RUNNING 1", "progress half", "removed", "RUNNING 2", "removed"]),
        ("state = SUCCEEDED", ["SUCCEEDED 2"]),
        (
            "NOT state = RUNNING",
            ["PENDING 0", "removed", "RETRYING 1", "PENDING 1", "removed", "SUCCEEDED 2"],
        ),
        ("end_time > 2020-01-01T00:00:00Z", ["SUCCEEDED 2"]),
        (
            "NOT end_time:*",
            ["PENDING 0", "RUNNING 1", "progress half", "RETRYING 1", "PENDING 1", "RUNNING 2", "removed"],
        ),
        (
            "labels.team = red",
            [
                "PENDING 0",
                "RUNNING 1",
                "progress half",
                "RETRYING 1",
                "PENDING 1",
                "RUNNING 2",
                "SUCCEEDED 2",
            ],
        ),
        (
            "labels.team = red AND state = RUNNING",
            ["RUNNING 1", "progress half", "removed", "RUNNING 2", "removed"],
        ),
        ("labels.team = blue OR actor = work AND state = RETRYING", ["RETRYING 1", "removed"]),
        ("last_error.reason = FLAKY", ["RETRYING 1", "PENDING 1", "RUNNING 2", "SUCCEEDED 2"]),
        ("last_error.error_class = TRANSIENT AND state = SUCCEEDED", ["SUCCEEDED 2"]),
    ],
)
async def test_a_filter_tells_of_what_matches_and_what_ceases_to(
    scheduler: Served, worker: BareWorker, query: str, told: list[str]
) -> None:
    async with watching(scheduler, query) as watcher:
        # Given a job of another kind, and one that fails once and then succeeds
        await scheduler.create(generic("other", labels={"team": "green"}))
        other = worker.fetch()
        job = await scheduler.create(generic(labels={"team": "red"}))
        lease = worker.fetch()
        worker.report(lease, 0.5, "half")
        worker.finish(lease, Retry(JobError(ErrorClass.TRANSIENT, "FLAKY", attempt=1, at_ms=1), delay_ms=0))
        worker.succeed(worker.fetch())
        # And a last one that every filter is told of somehow
        end = await scheduler.create(generic(labels={"team": "red"}))
        lease = worker.fetch()
        worker.finish(lease, Retry(JobError(ErrorClass.TRANSIENT, "FLAKY", attempt=1, at_ms=1), delay_ms=0))
        worker.succeed(worker.fetch())
        await watcher.read_until(lambda: watcher.told_of(end.job_id)[-1:] == told[-1:])
        assert other.job_id

    assert watcher.told_of(job.job_id) == told


async def test_a_job_that_is_changed_or_deleted_is_told(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create(generic(labels={"team": "red"}))
    async with watching(scheduler, "labels.team = red AND priority = HIGH") as watcher:

        def change(**fields: str) -> None:
            assert worker.run(jobs.update(worker.keys, job.job_id, fields, tenant="default")).done

        change(priority="HIGH")
        await watcher.expect("snapshot PENDING")
        change(labels='{"team":"green"}')
        await watcher.expect("snapshot PENDING", "removed")
        change(labels='{"team":"red"}')
        await watcher.expect("snapshot PENDING", "removed", "snapshot PENDING")
        await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=job.job_id))
        assert worker.run(jobs.delete(worker.keys, job.job_id, tenant="default")).done
        await watcher.expect("snapshot PENDING", "removed", "snapshot PENDING", "CANCELLED 0", "removed")

    assert watcher.events[0].snapshot.priority == pb.Job.HIGH


async def test_the_full_view_tells_of_parts_and_ends_with_the_result(
    scheduler: Served, worker: BareWorker
) -> None:
    async with watching(scheduler, view=pb.JOB_VIEW_FULL) as watcher, watching(scheduler) as basic:
        await scheduler.create()
        lease = worker.fetch()
        worker.keep(lease, "tone")
        worker.succeed(lease, Content("application/json", b"42"))
        await watcher.expect("PENDING 0", "RUNNING 1", "part tone", "SUCCEEDED 1", "snapshot SUCCEEDED")
        await basic.expect("PENDING 0", "RUNNING 1", "SUCCEEDED 1")

    assert watcher.events[-1].snapshot.result.generic.number_value == 42


async def test_large_results_are_spread_over_messages(scheduler: Served, worker: BareWorker) -> None:
    async with watching(scheduler, view=pb.JOB_VIEW_FULL) as watcher:
        for i in range(20):
            await scheduler.create()
            worker.succeed(worker.fetch(), Content("application/json", b'"%d%s"' % (i, b"x" * 1_000_000)))
        await watcher.read_until(lambda: len(watcher.events) >= 80)

    assert all(message.ByteSize() < 4_000_000 for message in watcher.messages)
    ended = [event.snapshot for event in watcher.events if event.HasField("snapshot")]
    assert [job.result.generic.string_value.rstrip("x") for job in ended] == [str(i) for i in range(20)]


async def test_only_the_newest_progress_of_a_job_waits_for_a_slow_reader(
    scheduler: Served, worker: BareWorker
) -> None:
    async with watching(scheduler) as watcher:
        await scheduler.create()
        lease = worker.fetch()
        for i in range(500):
            worker.report(lease, i / 500, f"step {i}")
        worker.succeed(lease)
        await watcher.read_until(lambda: "SUCCEEDED 1" in watcher.told())

    steps = [text for text in watcher.told() if text.startswith("progress")]
    assert steps[-1] == "progress step 499"
    assert len(steps) < 500
    assert [text for text in watcher.told() if text not in steps] == ["PENDING 0", "RUNNING 1", "SUCCEEDED 1"]


async def test_a_new_watch_can_begin_with_what_is_there(scheduler: Served, worker: BareWorker) -> None:
    # Given jobs that have ended, run, wait, and do not match
    await scheduler.create()
    worker.succeed(worker.fetch())
    running = await scheduler.create()
    worker.fetch()
    waiting = [await scheduler.create() for _ in range(3)]
    await scheduler.create(reflection())

    # When a watch begins with snapshots, and then something happens
    call = scheduler.jobs.WatchJobs(
        pb.WatchJobsRequest(filter="queue = data_processing", include_snapshot=True)
    )
    watcher = Watcher(call)
    await watcher.read_until(lambda: watcher.messages and watcher.messages[-1].snapshot_complete)
    present = {event.job_id: _told(event) for event in watcher.events}
    await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=waiting[0].job_id))
    await watcher.read_until(lambda: watcher.told()[-1] == "CANCELLED 0")
    watcher.leave()

    # Then it was told of those that match and are not final
    assert present == {running.job_id: "snapshot RUNNING"} | {
        job.job_id: "snapshot PENDING" for job in waiting
    }


async def test_a_watch_that_was_dropped_amid_its_snapshots_begins_again(scheduler: Served) -> None:
    await scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=[generic()] * 300))
    first = Watcher(scheduler.jobs.WatchJobs(pb.WatchJobsRequest(include_snapshot=True)))
    await first.read_until(lambda: first.events)
    first.leave()

    request = pb.WatchJobsRequest(include_snapshot=True, resume_token=first.token)
    resumed = Watcher(scheduler.jobs.WatchJobs(request))
    await resumed.read_until(lambda: resumed.messages and resumed.messages[-1].snapshot_complete)
    resumed.leave()

    assert resumed.messages[0].HasField("reset")
    assert len({event.job_id for event in resumed.events}) == 300


async def test_a_token_older_than_a_stream_resets_the_watch(scheduler: Served, client: redis.Redis) -> None:
    job = await scheduler.create()
    async with watching(scheduler) as watcher:
        token = watcher.token
    for _ in range(3):
        await scheduler.create()
    client.xtrim(EVENTS_KEY, maxlen=1, approximate=False)

    async with watching(scheduler, resume_token=token) as resumed:
        assert (await resumed.read()).HasField("reset")
        await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=job.job_id))
        await resumed.expect("CANCELLED 0")


async def test_an_entry_that_cannot_be_read_resets_the_watch(scheduler: Served, client: redis.Redis) -> None:
    job = await scheduler.create()
    async with watching(scheduler) as watcher:
        client.xadd(EVENTS_KEY, {"1": f"S\t{job.job_id}\t1\tzero\tRUNNING\t"})
        assert (await watcher.read()).HasField("reset")
        await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=job.job_id))
        await watcher.expect("CANCELLED 0")


async def test_a_token_is_of_use_only_for_its_own_watch(valkey: str) -> None:
    async with serving(valkey, auth=True) as served:
        us = credentials("north", Role.VIEWER)
        watcher = Watcher(served.jobs.WatchJobs(pb.WatchJobsRequest(), metadata=us))
        await watcher.read()
        token = watcher.token
        watcher.leave()
        tampered = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")

        for request, caller in (
            (pb.WatchJobsRequest(resume_token=tampered), us),
            (pb.WatchJobsRequest(resume_token="?"), us),
            (pb.WatchJobsRequest(resume_token="é"), us),
            (pb.WatchJobsRequest(resume_token=token, filter="state = FAILED"), us),
            (pb.WatchJobsRequest(resume_token=token), credentials("south", Role.VIEWER)),
        ):
            _, error = await failed_stream(served.jobs.WatchJobs(request, metadata=caller))
            refused = refusal_in(error)
            assert refused.reason == "RESUME_TOKEN_INVALID"
            assert refused.fields == ["resume_token"]


async def test_a_bad_filter_is_refused(scheduler: Served) -> None:
    _, error = await failed_stream(scheduler.jobs.WatchJobs(pb.WatchJobsRequest(filter="state = DONE")))

    assert refusal_in(error).reason == "FILTER_INVALID"


async def test_silence_is_broken_by_heartbeats_that_can_be_resumed_from(valkey: str) -> None:
    async with serving(valkey, heartbeat_s=0.05) as served:
        job = await served.create()
        async with watching(served, "state = FAILED OR state = CANCELLED") as watcher:
            # Even while things happen that do not match.
            await served.create()
            for _ in range(3):
                assert (await watcher.read()).HasField("heartbeat")
        await served.jobs.CancelJob(pb.CancelJobRequest(job_id=job.job_id))
        async with watching(
            served, "state = FAILED OR state = CANCELLED", resume_token=watcher.token
        ) as resumed:
            await resumed.read_until(lambda: resumed.events)

    assert resumed.told() == ["CANCELLED 0"]


async def test_a_watcher_that_reads_too_slowly_is_closed_with_its_token(
    valkey: str, client: redis.Redis
) -> None:
    worker = BareWorker(client)
    async with serving(valkey, max_events=50) as served:
        await served.create()
        lease = worker.fetch()
        async with watching(served, view=pb.JOB_VIEW_FULL) as watcher:
            token = watcher.token
            for i in range(120):
                worker.keep(lease, f"p{i}", "x" * 20_000)
            error = await _end_of(watcher)
            refused = refusal_in(error)
            assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCH_TOO_SLOW")
            token = refused.metadata["resume_token"]
            assert token == watcher.token
        worker.succeed(lease)
        async with watching(served, view=pb.JOB_VIEW_FULL, resume_token=token) as rest:
            await rest.read_until(lambda: "SUCCEEDED 1" in rest.told())

    parts = [text for text in (*watcher.told(), *rest.told()) if text.startswith("part")]
    assert parts == [f"part p{i}" for i in range(120)]


async def _end_of(watcher: Watcher) -> grpc.aio.AioRpcError:
    """Read to the error that the watch ends with."""
    try:
        while True:
            await watcher.read()
    except grpc.aio.AioRpcError as error:
        return error


async def test_a_shutdown_ends_watches_with_a_token_for_another_replica(
    valkey: str, client: redis.Redis
) -> None:
    async with serving(valkey) as other:
        async with serving(valkey, shutdown_ms=10_000) as leaving:
            job = await leaving.create()
            async with watching(leaving) as watcher:
                leave = asyncio.create_task(leaving.scheduler.stop())
                refused = refusal_in(await _end_of(watcher))
                await leave
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        assert refused.metadata["resume_token"] == watcher.token
        BareWorker(client).succeed(BareWorker(client).fetch())
        async with watching(other, resume_token=watcher.token) as resumed:
            await resumed.expect("RUNNING 1", "SUCCEEDED 1")

    assert {event.job_id for event in resumed.events} == {job.job_id}


async def _watch_in_pieces(
    replicas: list[Served], token: str, drops: int, done: asyncio.Event, chance: random.Random
) -> list[pb.WatchJobsResponse.Event]:
    """Watch from a token, dropping the call so many times for another replica; then on, until all is done."""
    told: list[pb.WatchJobsResponse.Event] = []
    while True:
        request = pb.WatchJobsRequest(resume_token=token, view=pb.JOB_VIEW_FULL)
        call = chance.choice(replicas).jobs.WatchJobs(request)
        left = chance.randint(1, 3) if drops else -1
        drops -= 1
        async for message in call:
            told += message.events
            token = message.resume_token
            left -= 1
            if left == 0 or (done.is_set() and drops < 0 and message.HasField("heartbeat")):
                break
        call.cancel()
        if left < 0:
            return told


def _by_job(events: Iterable[pb.WatchJobsResponse.Event]) -> dict[str, list[str]]:
    """Return what must never be dropped, by job."""
    told: defaultdict[str, list[str]] = defaultdict(list)
    for event in events:
        if not event.HasField("progress"):
            told[event.job_id].append(_told(event))
    return told


async def test_a_watcher_that_is_dropped_50_times_while_200_jobs_run_is_told_the_same(
    valkey: str, client: redis.Redis
) -> None:
    chance = random.Random(7)
    queues = {"data_processing": BareWorker(client), "own-queue": BareWorker(client, "own-queue")}
    async with (
        serving(valkey, heartbeat_s=0.2) as one,
        serving(valkey, heartbeat_s=0.2) as other,
        watching(one, view=pb.JOB_VIEW_FULL) as steady,
    ):
        # Given one watcher that stays, and one that drops and goes on at either replica
        done = asyncio.Event()
        pieces = asyncio.create_task(_watch_in_pieces([one, other], steady.token, 50, done, chance))

        # When 200 jobs run, one step at a time
        for i in range(200):
            queue = chance.choice(list(queues))
            request = generic()
            request.job.spec.generic.queue = queue
            await chance.choice([one, other]).create(request)
            lease = queues[queue].fetch()
            queues[queue].report(lease, 0.5, f"half of {i}")
            queues[queue].keep(lease, f"part {i}")
            if i % 5:
                queues[queue].succeed(lease, Content("application/json", b"%d" % i))
            else:
                queues[queue].fail(lease)
        await steady.read_until(lambda: steady.told().count("snapshot SUCCEEDED") == 160)
        await steady.read_until(lambda: steady.told().count("snapshot FAILED") == 40)
        done.set()
        dropped = await pieces

    # Then both were told the same changes and parts of each job, in order, each once
    assert _by_job(dropped) == _by_job(steady.events)


async def test_parts_are_told_as_they_were_and_none_of_a_job_that_has_gone(
    scheduler: Served, worker: BareWorker, client: redis.Redis
) -> None:
    # Given a watcher that is away while one job makes a part anew, and another one is removed with its part
    async with watching(scheduler, view=pb.JOB_VIEW_FULL) as watcher:
        token = watcher.token
    stays, goes = await scheduler.create(), await scheduler.create()
    one, other = worker.fetch_up_to(2)
    worker.keep(one, "tone", "warm")
    worker.keep(one, "tone", "warmer")
    worker.keep(other, "tone", "secret")
    worker.succeed(one)
    worker.succeed(other)
    await scheduler.jobs.DeleteJob(pb.DeleteJobRequest(job_id=goes.job_id))

    # Then it is told of each version, and of the job that is no more nothing but its states
    async with watching(scheduler, view=pb.JOB_VIEW_FULL, resume_token=token) as watcher:
        await watcher.read_until(lambda: "removed" in watcher.told())
    life = ["PENDING 0", "RUNNING 1"]
    assert watcher.told_of(stays.job_id) == [
        *life,
        "part tone",
        "part tone",
        "SUCCEEDED 1",
        "snapshot SUCCEEDED",
    ]
    assert watcher.told_of(goes.job_id) == [*life, "SUCCEEDED 1", "removed"]
    parts = [event.partial_result for event in watcher.events if event.HasField("partial_result")]
    assert [part.result.generic.string_value for part in parts] == ["warm", "warmer"]
    assert not any(message.HasField("reset") for message in watcher.messages)

    # What gave way and is not kept any more is no matter for one who is told again what is there
    client.delete(f"{worker.keys.prefix}former:{stays.job_id}")
    async with watching(scheduler, view=pb.JOB_VIEW_FULL, resume_token=token) as watcher:
        await watcher.read_until(lambda: any(message.HasField("reset") for message in watcher.messages))
    assert "part tone" not in watcher.told()
