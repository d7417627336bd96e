"""Batches where their queues lie on several nodes: what ends a member reaches its batch in another slot."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bothsides.jobs import v1 as pb
from support.places import Place
from support.scheduler import Served, refusal, serving
from support.services import call
from support.waiting import wait_until_async
from support.worker_program import worker_program

SERVED = ("data_processing", "reports", "exports")
ACTORS = "support.worker_actors"


def job(actor: str, *arguments: object, queue: str = "") -> pb.Job:
    return pb.Job(spec=call(actor, *arguments, queue=queue).job.spec)


async def becomes(scheduler: Served, batch_id: str, *states: pb.Batch.State.ValueType) -> pb.Batch:
    """Return the batch once it is in one of some states."""

    async def read() -> pb.Batch | None:
        batch = await scheduler.batches.GetBatch(pb.GetBatchRequest(batch_id=batch_id))
        return batch if batch.state in states else None

    await wait_until_async(read, timeout_s=60)
    found = await read()
    assert found is not None
    return found


async def test_a_batch_of_several_queues_ends_and_its_failed_members_are_retried(
    place: Place, tmp_path: Path
) -> None:
    async with serving(place.variables) as scheduler:
        # Given a batch over three queues, held to four at once, of which some members cannot succeed
        jobs = [job("multiply", 2, number) for number in range(12)]
        jobs += [job("shout", f"text {number}", queue="reports") for number in range(12)]
        jobs += [job("shout", f"more {number}", queue="exports") for number in range(12)]
        jobs += [job("multiply", "two", "words") for _ in range(2)]
        for one in jobs[-2:]:
            one.retry_policy.max_attempts = 1
        request = pb.CreateBatchRequest(
            batch=pb.Batch(
                parallel_limit=4,
                failure_policy=pb.BatchFailurePolicy(tolerated_count=5),
                max_cost_micro_usd=1_000_000,
            ),
            members=pb.BatchMembers(jobs=pb.JobMembers(jobs=jobs)),
            request_id="over-three-queues",
        )
        created = await scheduler.batches.CreateBatch(request)
        assert (await scheduler.batches.CreateBatch(request)).batch_id == created.batch_id

        starting = worker_program(
            place.variables, tmp_path, WORKER_ACTOR_MODULES=ACTORS, WORKER_QUEUES=",".join(SERVED)
        )
        worker = await asyncio.to_thread(starting.__enter__)
        try:
            # When a worker has run them
            ended = await becomes(scheduler, created.batch_id, pb.Batch.SUCCEEDED, pb.Batch.FAILED)

            # Then each is counted once
            assert ended.state == pb.Batch.SUCCEEDED
            assert (ended.counts.succeeded_count, ended.counts.failed_count) == (36, 2)
            found = pb.ListJobsRequest(filter=f"batch_id = {created.batch_id}", page_size=100)
            assert len((await scheduler.jobs.ListJobs(found)).jobs) == len(jobs)

            # And what failed can be tried again, watched by whoever wants to
            retried = await scheduler.batches.RetryBatch(pb.RetryBatchRequest(batch_id=created.batch_id))
            assert retried.state == pb.Batch.RUNNING
            last = None
            async for told in scheduler.batches.WatchBatch(pb.WatchBatchRequest(batch_id=created.batch_id)):
                last = told
            assert last is not None
            again = await becomes(scheduler, created.batch_id, pb.Batch.SUCCEEDED)
            assert (again.counts.succeeded_count, again.counts.failed_count) == (36, 2)
        finally:
            worker.terminate()
            await asyncio.to_thread(starting.__exit__, None, None, None)

        # And it goes with its members and its budget.
        await scheduler.batches.DeleteBatch(pb.DeleteBatchRequest(batch_id=created.batch_id))

        async def is_gone() -> bool:
            listed = await scheduler.jobs.ListJobs(found)
            return not listed.jobs and not (await scheduler.queues.GetBudgets(pb.GetBudgetsRequest())).budgets

        await wait_until_async(is_gone)


async def test_a_batch_is_cancelled_in_all_its_queues(place: Place) -> None:
    async with serving(place.variables) as scheduler:
        queues = ("data_processing", "reports", "exports", "elsewhere")
        jobs = [job("multiply", 1, 1, queue=queue) for queue in queues for _ in range(30)]
        members = pb.BatchMembers(jobs=pb.JobMembers(jobs=jobs))
        request = pb.CreateBatchRequest(batch=pb.Batch(open=True), members=members)
        created = await scheduler.batches.CreateBatch(request)
        more = pb.AddBatchMembersRequest(batch_id=created.batch_id, members=members, last=True)
        await scheduler.batches.AddBatchMembers(more)

        async def all_submitted() -> bool:
            get = pb.GetBatchRequest(batch_id=created.batch_id)
            return not (await scheduler.batches.GetBatch(get)).counts.unsubmitted_count

        await wait_until_async(all_submitted)
        await scheduler.batches.CancelBatch(pb.CancelBatchRequest(batch_id=created.batch_id))
        ended = await becomes(scheduler, created.batch_id, pb.Batch.CANCELLED)
        assert ended.counts.cancelled_count == 2 * len(jobs)
        refused = await refusal(scheduler.batches.AddBatchMembers(more))
        assert refused.reason == "BATCH_NOT_OPEN"
