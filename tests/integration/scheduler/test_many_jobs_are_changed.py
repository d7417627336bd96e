"""BulkCancelJobs and BulkRetryJobs over a real port and a real store."""

from __future__ import annotations

from typing import Any

import grpc.aio
import pytest
import redis

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from support.rpc import failed_stream
from support.scheduler import BareWorker, Served, credentials, generic, reflection, refusal_in, serving
from support.waiting import wait_until_async


async def _told(call: Any) -> list[pb.BulkProgress]:
    return [message async for message in call]


async def _last(call: Any) -> pb.BulkProgress:
    """Return the last message of a call that ends well."""
    told = await _told(call)
    assert [message.finished for message in told] == [False] * (len(told) - 1) + [True]
    assert all(message.update_time.seconds for message in told)
    return told[-1]


def _cancel(wanted: str, **fields: Any) -> pb.BulkCancelJobsRequest:
    return pb.BulkCancelJobsRequest(**{"filter": wanted, "jobs_per_second": 10_000, **fields})


def _retry(wanted: str, **fields: Any) -> pb.BulkRetryJobsRequest:
    return pb.BulkRetryJobsRequest(**{"filter": wanted, "jobs_per_second": 10_000, **fields})


async def _states(served: Served, wanted: str = "") -> dict[str, int]:
    listed = await served.jobs.ListJobs(pb.ListJobsRequest(filter=wanted, page_size=500))
    names = [pb.Job.State.Name(job.state) for job in listed.jobs]
    return {name: names.count(name) for name in names}


async def _create(served: Served, count: int, actor: str = "work") -> None:
    await served.jobs.CreateJobs(pb.CreateJobsRequest(requests=[generic(actor)] * count))


async def test_what_matches_is_cancelled_and_nothing_else(scheduler: Served, worker: BareWorker) -> None:
    # Given running, waiting and final jobs of one kind, and one of another
    await _create(scheduler, 3)
    worker.fetch()
    worker.succeed(worker.fetch())
    await scheduler.create(generic("other"))
    await scheduler.create(reflection())

    told = await _last(scheduler.jobs.BulkCancelJobs(_cancel("actor = work")))

    assert (told.matched_count, told.done_count, told.skipped_count, told.failed_count) == (2, 2, 0, 0)
    assert not told.capped
    assert await _states(scheduler, "actor = work") == {"CANCELLING": 1, "SUCCEEDED": 1, "CANCELLED": 1}
    assert await _states(scheduler, "NOT actor = work") == {"PENDING": 2}


async def test_it_is_safe_to_repeat(scheduler: Served) -> None:
    await _create(scheduler, 30)

    first = await _last(scheduler.jobs.BulkCancelJobs(_cancel("actor = work")))
    again = await _last(scheduler.jobs.BulkCancelJobs(_cancel("actor = work")))

    assert (first.done_count, again.matched_count, again.done_count) == (30, 0, 0)


async def test_a_preview_counts_and_shows_and_changes_nothing(scheduler: Served) -> None:
    await _create(scheduler, 60)

    told = await _last(scheduler.jobs.BulkCancelJobs(_cancel("actor = work", validate_only=True)))

    assert (told.matched_count, told.done_count, len(told.sample_jobs)) == (60, 0, 20)
    assert all(job.actor == "work" and job.state == pb.Job.PENDING for job in told.sample_jobs)
    ids = [job.job_id for job in told.sample_jobs]
    assert ids == sorted(ids, reverse=True)
    assert await _states(scheduler) == {"PENDING": 60}


@pytest.mark.parametrize("preview", [False, True])
async def test_no_more_jobs_are_changed_than_the_cap_allows(scheduler: Served, preview: bool) -> None:
    await _create(scheduler, 50)

    for cap, capped in ((20, True), (50 if preview else 30, False)):
        request = _cancel("actor = work", max_jobs=cap, validate_only=preview)
        told = await _last(scheduler.jobs.BulkCancelJobs(request))
        assert (told.matched_count, told.capped) == (cap, capped)
        assert told.done_count == (0 if preview else cap)


async def test_failed_jobs_are_retried_by_what_went_wrong(scheduler: Served, worker: BareWorker) -> None:
    await _create(scheduler, 6)
    for i in range(5):
        worker.fail(worker.fetch(), ["DISK_FULL", "BROKEN"][i % 2])
    worker.succeed(worker.fetch())

    told = await _last(scheduler.jobs.BulkRetryJobs(_retry("last_error.reason = DISK_FULL")))

    assert (told.matched_count, told.done_count) == (3, 3)
    assert await _states(scheduler) == {"PENDING": 3, "FAILED": 2, "SUCCEEDED": 1}


async def test_the_pace_is_kept_and_progress_is_told_meanwhile(scheduler: Served) -> None:
    """At twenty a second, not much more than that is done when it is told after a second."""
    await _create(scheduler, 40)

    told = await _told(scheduler.jobs.BulkCancelJobs(_cancel("actor = work", jobs_per_second=20)))

    counts = [message.done_count for message in told]
    assert len(told) >= 2
    assert counts == sorted(counts)
    assert counts[0] <= 25
    assert counts[-1] == 40


async def test_it_stops_when_the_caller_leaves(scheduler: Served, client: redis.Redis) -> None:
    await _create(scheduler, 200)
    call = scheduler.jobs.BulkCancelJobs(_cancel("actor = work", jobs_per_second=20))
    await call.read()
    call.cancel()

    seen: list[dict[str, int]] = []

    async def stands_still() -> bool:
        seen.append(await _states(scheduler))
        return len(seen) > 20 and len({repr(sorted(states.items())) for states in seen[-20:]}) == 1

    await wait_until_async(stands_still)
    assert seen[-1]["PENDING"] > 100


async def test_a_shutdown_ends_it(valkey: str) -> None:
    async with serving(valkey, shutdown_ms=10_000) as served:
        await _create(served, 200)
        call = served.jobs.BulkCancelJobs(_cancel("actor = work", jobs_per_second=20))
        await call.read()
        await served.scheduler.stop()
        error = await _end_of(call)

    assert refusal_in(error).reason == "DRAINING"


async def _end_of(call: Any) -> grpc.aio.AioRpcError:
    """Read to the error that a call ends with, which has been read from before."""
    try:
        while await call.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the call ended well")


async def test_it_asks_for_a_filter_and_an_operator(valkey: str) -> None:
    async with serving(valkey, auth=True) as served:
        operator = credentials("north", Role.OPERATOR)
        for request, caller, reason in (
            (pb.BulkCancelJobsRequest(), operator, "FIELD_INVALID"),
            (_cancel("state = DONE"), operator, "FILTER_INVALID"),
            (_cancel("actor = work"), credentials("north", Role.SUBMITTER), "PERMISSION_MISSING"),
        ):
            _, error = await failed_stream(served.jobs.BulkCancelJobs(request, metadata=caller))
            assert refusal_in(error).reason == reason


async def test_jobs_of_another_tenant_are_not_touched(valkey: str) -> None:
    async with serving(valkey, auth=True) as served:
        await served.jobs.CreateJob(generic(), metadata=credentials("south", Role.SUBMITTER))

        call = served.jobs.BulkCancelJobs(
            _cancel("actor = work"), metadata=credentials("north", Role.OPERATOR)
        )
        told = await _last(call)

    assert told.matched_count == 0
