"""BatchService over a real port: batches from creation to end, with a worker made of bare operations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
import redis
from google.protobuf.duration_pb2 import Duration

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from common.job.model import PaidUsage, Usage
from common.job.outcome import Succeed
from common.store import jobs
from common.store.jobs import Ending
from support.scheduler import BareWorker, Served, credentials, debate, generic, refusal, serving
from support.waiting import wait_until_async

RUNNING, CANCELLING, SUCCEEDED = pb.Batch.RUNNING, pb.Batch.CANCELLING, pb.Batch.SUCCEEDED
FAILED, CANCELLED = pb.Batch.FAILED, pb.Batch.CANCELLED


def jobs_of(count: int, actor: str = "work", queue: str = "") -> pb.BatchMembers:
    """Return so many members, each a generic job."""
    spec = pb.JobSpec(generic=pb.GenericSpec(actor=actor, queue=queue))
    return pb.BatchMembers(jobs=pb.JobMembers(jobs=[pb.Job(spec=spec) for _ in range(count)]))


async def create(scheduler: Served, count: int = 3, request_id: str = "", **fields: object) -> pb.Batch:
    request = pb.CreateBatchRequest(
        batch=pb.Batch(**fields),  # type: ignore[arg-type]
        members=jobs_of(count),
        request_id=request_id,
    )
    return await scheduler.batches.CreateBatch(request)


async def read(scheduler: Served, batch_id: str) -> pb.Batch:
    return await scheduler.batches.GetBatch(pb.GetBatchRequest(batch_id=batch_id))


async def becomes(scheduler: Served, batch_id: str, state: pb.Batch.State.ValueType) -> pb.Batch:
    """Return the batch once it is in a state."""

    async def is_so() -> bool:
        return (await read(scheduler, batch_id)).state == state

    await wait_until_async(is_so)
    return await read(scheduler, batch_id)


async def submitted(scheduler: Served, batch_id: str) -> pb.Batch:
    """Return the batch once all members that may be are in their queues."""

    async def is_so() -> bool:
        return (await read(scheduler, batch_id)).counts.unsubmitted_count == 0

    await wait_until_async(is_so)
    return await read(scheduler, batch_id)


async def members(scheduler: Served, batch_id: str, also: str = "") -> list[pb.Job]:
    request = pb.ListJobsRequest(filter=f"batch_id = {batch_id}{also}", page_size=500)
    return list((await scheduler.jobs.ListJobs(request)).jobs)


async def test_a_batch_ends_with_its_last_member(scheduler: Served, worker: BareWorker) -> None:
    created = await create(scheduler, 3, display_name="nightly", labels={"team": "red"})
    assert created.batch_id.startswith("batch-")
    assert created.state == RUNNING
    assert created.member_count == 3
    assert created.display_name == "nightly"

    found = await submitted(scheduler, created.batch_id)
    assert found.counts == pb.BatchCounts(waiting_count=3)
    assert len(await members(scheduler, created.batch_id)) == 3

    one, two = worker.fetch_up_to(2)
    found = await read(scheduler, created.batch_id)
    assert found.counts == pb.BatchCounts(waiting_count=1, running_count=2)
    paid = PaidUsage(calls=1, reused_calls=2, cost_micro_usd=700, saved_micro_usd=30)
    worker.run(jobs.finish(worker.keys, [Ending(one.member, Succeed(), Usage(paid=paid))]))
    worker.succeed(two)
    worker.succeed(worker.fetch())

    ended = await becomes(scheduler, created.batch_id, SUCCEEDED)
    assert ended.counts == pb.BatchCounts(succeeded_count=3)
    assert ended.fraction == 1.0
    assert ended.paid_usage.cost_micro_usd == 700
    assert ended.paid_usage.reused_call_count == 2
    assert ended.HasField("end_time")
    assert ended.delete_time.seconds - ended.end_time.seconds == 7 * 86_400


async def test_conversations_are_analysed_in_the_same_way(scheduler: Served) -> None:
    for name in ("debate-1", "debate-2"):
        await scheduler.conversations.PutConversation(pb.PutConversationRequest(conversation=debate(name)))
    template = pb.Job(priority=pb.Job.LOW, labels={"run": "7"})
    template.spec.transcript_analysis.include_detailed = True
    conversations = pb.ConversationMembers(template=template, conversation_ids=["debate-1", "debate-2"])
    created = await scheduler.batches.CreateBatch(
        pb.CreateBatchRequest(members=pb.BatchMembers(conversations=conversations))
    )
    await submitted(scheduler, created.batch_id)

    found = await members(scheduler, created.batch_id)
    assert {job.conversation_id for job in found} == {"debate-1", "debate-2"}
    assert {job.type for job in found} == {pb.Job.TRANSCRIPT_ANALYSIS}
    assert {job.priority for job in found} == {pb.Job.LOW}
    full = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=found[0].job_id, view=pb.JOB_VIEW_FULL))
    assert full.spec.transcript_analysis.include_detailed
    assert full.batch_id == created.batch_id


async def test_what_is_wrong_with_members_is_named_by_its_place(scheduler: Served) -> None:
    await scheduler.conversations.PutConversation(pb.PutConversationRequest(conversation=debate("here")))
    conversations = pb.ConversationMembers(conversation_ids=["here", "gone"])
    refused = await refusal(
        scheduler.batches.CreateBatch(
            pb.CreateBatchRequest(members=pb.BatchMembers(conversations=conversations))
        )
    )
    assert refused.fields == ["members.conversations.conversation_ids[1]"]

    bad = jobs_of(3)
    bad.jobs.jobs[1].unique_key = "mine"
    refused = await refusal(scheduler.batches.CreateBatch(pb.CreateBatchRequest(members=bad)))
    assert refused.fields == ["members.jobs.jobs[1].unique_key"]

    bad = jobs_of(3)
    bad.jobs.jobs[2].expire_time.FromMilliseconds(1_000)
    bad.jobs.jobs[2].schedule_time.FromMilliseconds(2_000)
    refused = await refusal(scheduler.batches.CreateBatch(pb.CreateBatchRequest(members=bad)))
    assert refused.fields == ["members.jobs.jobs[2].expire_time"]

    template = pb.Job(spec=pb.JobSpec(transcript_analysis=pb.TranscriptAnalysisSpec(models=["nobody's"])))
    conversations = pb.ConversationMembers(template=template, conversation_ids=["here"])
    refused = await refusal(
        scheduler.batches.CreateBatch(
            pb.CreateBatchRequest(members=pb.BatchMembers(conversations=conversations))
        )
    )
    assert refused.fields == ["members.conversations.template.spec.transcript_analysis.models[0]"]
    assert not (await scheduler.batches.ListBatches(pb.ListBatchesRequest())).batches


async def test_the_same_request_makes_one_batch(scheduler: Served) -> None:
    first = await create(scheduler, 2, "nightly-1", max_cost_micro_usd=5_000)
    again = await create(scheduler, 2, "nightly-1", max_cost_micro_usd=5_000)
    assert again.batch_id == first.batch_id
    assert len(await members(scheduler, first.batch_id)) <= 2

    request = pb.CreateBatchRequest(members=jobs_of(3), request_id="nightly-1")
    refused = await refusal(scheduler.batches.CreateBatch(request))
    assert refused.reason == "REQUEST_ID_REUSED"
    assert refused.metadata["batch_id"] == first.batch_id
    # The repeats have left no budget behind.
    budgets = await scheduler.queues.GetBudgets(pb.GetBudgetsRequest())
    assert [budget.batch_id for budget in budgets.budgets] == [first.batch_id]


async def test_a_batch_that_a_full_store_does_not_take_leaves_no_budget(
    scheduler: Served, client: redis.Redis
) -> None:
    await create(scheduler, 1)  # so that all it needs is loaded
    client.config_set("maxmemory", "1")
    try:
        request = pb.CreateBatchRequest(batch=pb.Batch(max_cost_micro_usd=1_000), members=jobs_of(2))
        assert (await refusal(scheduler.batches.CreateBatch(request))).reason == "STORE_FULL"
    finally:
        client.config_set("maxmemory", "0")
    assert not (await scheduler.queues.GetBudgets(pb.GetBudgetsRequest())).budgets


async def test_a_failing_batch_stops_and_its_failed_members_are_retried(
    scheduler: Served, worker: BareWorker
) -> None:
    policy = pb.BatchFailurePolicy(tolerated_count=0)
    created = await create(scheduler, 4, parallel_limit=2, failure_policy=policy)

    async def two_are_there() -> bool:
        return (await read(scheduler, created.batch_id)).counts.waiting_count == 2

    await wait_until_async(two_are_there)
    worker.fail(worker.fetch())
    stopped = await becomes(scheduler, created.batch_id, FAILED)
    assert stopped.stop_reason == pb.Batch.FAILURES
    assert stopped.counts == pb.BatchCounts(unsubmitted_count=2, failed_count=1, cancelled_count=1)

    request = pb.RetryBatchRequest(batch_id=created.batch_id, include_cancelled=True)
    retried = await scheduler.batches.RetryBatch(request)
    assert retried.state == RUNNING
    while (await read(scheduler, created.batch_id)).state == RUNNING:
        for lease in worker.fetch_up_to(4):
            worker.succeed(lease)
        await asyncio.sleep(0)
    assert (await read(scheduler, created.batch_id)).counts == pb.BatchCounts(succeeded_count=4)

    refused = await refusal(scheduler.batches.RetryBatch(request))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "BATCH_NOT_RETRYABLE")


async def test_cancelling_a_batch_stops_what_waits_and_what_runs(
    scheduler: Served, worker: BareWorker
) -> None:
    created = await create(scheduler, 5)
    await submitted(scheduler, created.batch_id)
    running = worker.fetch()
    request = pb.CancelBatchRequest(batch_id=created.batch_id)
    cancelled = await scheduler.batches.CancelBatch(request)
    assert cancelled.state == CANCELLING

    async def only_one_is_left() -> bool:
        return (await read(scheduler, created.batch_id)).counts.cancelled_count == 4

    await wait_until_async(only_one_is_left)
    job = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=running.job_id))
    assert job.state == pb.Job.CANCELLING
    worker.fail(running)
    ended = await becomes(scheduler, created.batch_id, CANCELLED)
    assert ended.stop_reason == pb.Batch.CANCEL
    assert (await scheduler.batches.CancelBatch(request)).state == CANCELLED


async def test_a_batch_that_ended_well_cannot_be_cancelled(scheduler: Served, worker: BareWorker) -> None:
    created = await create(scheduler, 1)
    await submitted(scheduler, created.batch_id)
    worker.succeed(worker.fetch())
    await becomes(scheduler, created.batch_id, SUCCEEDED)
    refused = await refusal(scheduler.batches.CancelBatch(pb.CancelBatchRequest(batch_id=created.batch_id)))
    assert refused.reason == "BATCH_NOT_CANCELLABLE"


async def test_a_full_queue_holds_a_batch_until_it_has_drained(scheduler: Served, worker: BareWorker) -> None:
    await scheduler.create()
    await scheduler.queues.UpdateQueue(
        pb.UpdateQueueRequest(queue=pb.Queue(name="data_processing", max_depth=2))
    )
    created = await create(scheduler, 3)

    async def is_held() -> bool:
        return (await read(scheduler, created.batch_id)).submit_blocker == "QUEUE_FULL data_processing"

    await wait_until_async(is_held)
    done = 0
    while done < 4:
        for lease in worker.fetch_up_to(4):
            worker.succeed(lease)
            done += 1
        await asyncio.sleep(0.01)
    ended = await becomes(scheduler, created.batch_id, SUCCEEDED)
    assert ended.submit_blocker == ""


async def test_more_members_are_added_to_a_batch_that_is_open(scheduler: Served, worker: BareWorker) -> None:
    created = await create(scheduler, 1, open=True)
    assert created.open
    add = pb.AddBatchMembersRequest(batch_id=created.batch_id, members=jobs_of(2), request_id="second")
    assert (await scheduler.batches.AddBatchMembers(add)).member_count == 3
    assert (await scheduler.batches.AddBatchMembers(add)).member_count == 3
    last = pb.AddBatchMembersRequest(batch_id=created.batch_id, members=jobs_of(1), last=True)
    assert not (await scheduler.batches.AddBatchMembers(last)).open
    refused = await refusal(scheduler.batches.AddBatchMembers(last))
    assert refused.reason == "BATCH_NOT_OPEN"
    await submitted(scheduler, created.batch_id)
    for lease in worker.fetch_up_to(9):
        worker.succeed(lease)
    assert (await becomes(scheduler, created.batch_id, SUCCEEDED)).counts.succeeded_count == 4


async def test_batches_are_listed_by_page_and_filter(scheduler: Served) -> None:
    made = [await create(scheduler, 1, labels={"team": team}) for team in ("red", "blue", "red")]
    page = await scheduler.batches.ListBatches(pb.ListBatchesRequest(page_size=2))
    assert [batch.batch_id for batch in page.batches] == [made[2].batch_id, made[1].batch_id]
    rest = await scheduler.batches.ListBatches(
        pb.ListBatchesRequest(page_size=2, page_token=page.next_page_token)
    )
    assert [batch.batch_id for batch in rest.batches] == [made[0].batch_id]
    assert not rest.next_page_token

    red = pb.ListBatchesRequest(filter="labels.team = red AND state = RUNNING", page_size=1)
    page = await scheduler.batches.ListBatches(red)
    assert [batch.batch_id for batch in page.batches] == [made[2].batch_id]
    red.page_token = page.next_page_token
    page = await scheduler.batches.ListBatches(red)
    assert [batch.batch_id for batch in page.batches] == [made[0].batch_id]
    assert not page.next_page_token

    other = pb.ListBatchesRequest(filter="labels.team = blue", page_token=red.page_token)
    assert (await refusal(scheduler.batches.ListBatches(other))).reason == "PAGE_TOKEN_INVALID"
    for wrong in ("queue = exports", "state = PENDING"):
        refused = await refusal(scheduler.batches.ListBatches(pb.ListBatchesRequest(filter=wrong)))
        assert refused.reason == "FILTER_INVALID"


async def test_a_batch_that_is_deleted_goes_with_its_members(scheduler: Served, worker: BareWorker) -> None:
    created = await create(scheduler, 2, "nightly", max_cost_micro_usd=1_000)
    delete = pb.DeleteBatchRequest(batch_id=created.batch_id)
    assert (await refusal(scheduler.batches.DeleteBatch(delete))).reason == "BATCH_NOT_DELETABLE"
    await submitted(scheduler, created.batch_id)
    for lease in worker.fetch_up_to(2):
        worker.succeed(lease)
    await becomes(scheduler, created.batch_id, SUCCEEDED)
    await scheduler.batches.DeleteBatch(delete)

    async def is_gone() -> bool:
        return not (await scheduler.batches.ListBatches(pb.ListBatchesRequest())).batches

    await wait_until_async(is_gone)
    assert await members(scheduler, created.batch_id) == []
    assert not (await scheduler.queues.GetBudgets(pb.GetBudgetsRequest())).budgets
    get = pb.GetBatchRequest(batch_id=created.batch_id)
    assert (await refusal(scheduler.batches.GetBatch(get))).reason == "BATCH_NOT_FOUND"
    # Nor does its request id make another one, or name one that is not there.
    request = pb.CreateBatchRequest(
        batch=pb.Batch(max_cost_micro_usd=1_000), members=jobs_of(2), request_id="nightly"
    )
    refused = await refusal(scheduler.batches.CreateBatch(request))
    assert (refused.reason, refused.metadata["batch_id"]) == ("REQUEST_ID_SPENT", created.batch_id)


async def test_a_batch_is_removed_after_its_retention(scheduler: Served, worker: BareWorker) -> None:
    created = await create(scheduler, 1, retention=Duration(seconds=1))
    await submitted(scheduler, created.batch_id)
    worker.succeed(worker.fetch())

    async def is_gone() -> bool:
        return not (await scheduler.batches.ListBatches(pb.ListBatchesRequest())).batches

    await wait_until_async(is_gone)
    assert await members(scheduler, created.batch_id) == []


async def test_a_watch_tells_of_a_batch_to_its_end(scheduler: Served, worker: BareWorker) -> None:
    created = await create(scheduler, 3)
    watch = scheduler.batches.WatchBatch(pb.WatchBatchRequest(batch_id=created.batch_id))
    messages = aiter(watch)
    seen = [await anext(messages)]
    assert seen[0].snapshot.batch_id == created.batch_id
    await submitted(scheduler, created.batch_id)
    for lease in worker.fetch_up_to(3):
        worker.succeed(lease)
    async for message in messages:
        seen.append(message)
    assert seen[-1].snapshot.state == SUCCEEDED
    assert seen[-1].snapshot.counts.succeeded_count == 3

    # Whoever has the last message is told nothing again; whoever has an earlier one is told the end.
    request = pb.WatchBatchRequest(batch_id=created.batch_id, resume_token=seen[-1].resume_token)
    assert [message async for message in scheduler.batches.WatchBatch(request)] == []
    request.resume_token = seen[0].resume_token
    [missed] = [message async for message in scheduler.batches.WatchBatch(request)]
    assert missed.snapshot.state == SUCCEEDED
    request.batch_id = (await create(scheduler, 1)).batch_id
    refused = await refusal(scheduler.batches.WatchBatch(request).read())
    assert refused.reason == "RESUME_TOKEN_INVALID"


async def test_a_silent_watch_says_that_it_is_alive(valkey: str) -> None:
    async with serving(valkey, heartbeat_s=0.05) as served:
        created = await create(served, 1)
        await submitted(served, created.batch_id)
        watch = served.batches.WatchBatch(pb.WatchBatchRequest(batch_id=created.batch_id))
        async for message in watch:
            if message.HasField("heartbeat"):
                break
        assert message.HasField("heartbeat")
        watch.cancel()


@pytest.fixture
async def guarded(valkey: str) -> AsyncIterator[Served]:
    async with serving(valkey, auth=True) as served:
        yield served


async def test_a_batch_of_another_tenant_does_not_exist(guarded: Served) -> None:
    acme = credentials("acme", Role.SUBMITTER)
    created = await guarded.batches.CreateBatch(pb.CreateBatchRequest(members=jobs_of(1)), metadata=acme)
    assert created.tenant == "acme"
    other = credentials("other", Role.ADMIN)
    get = pb.GetBatchRequest(batch_id=created.batch_id)
    assert (await refusal(guarded.batches.GetBatch(get, metadata=other))).reason == "BATCH_NOT_FOUND"
    listed = await guarded.batches.ListBatches(pb.ListBatchesRequest(), metadata=other)
    assert not listed.batches
    viewer = credentials("acme", Role.VIEWER)
    assert (await guarded.batches.GetBatch(get, metadata=viewer)).batch_id == created.batch_id
    request = pb.CreateBatchRequest(members=jobs_of(1))
    refused = await refusal(guarded.batches.CreateBatch(request, metadata=viewer))
    assert refused.reason == "PERMISSION_MISSING"


async def test_a_waiting_member_is_explained_as_any_job(scheduler: Served, worker: BareWorker) -> None:
    created = await create(scheduler, 2)
    await submitted(scheduler, created.batch_id)
    worker.report_in(slots=1)
    [newest, _] = await members(scheduler, created.batch_id)
    explained = await scheduler.jobs.ExplainJob(pb.ExplainJobRequest(job_id=newest.job_id))
    assert explained.state == pb.Job.PENDING
    assert explained.jobs_ahead_count == 1


async def test_validate_only_stores_nothing(scheduler: Served) -> None:
    request = pb.CreateBatchRequest(members=jobs_of(7), validate_only=True)
    judged = await scheduler.batches.CreateBatch(request)
    assert (judged.batch_id, judged.member_count) == ("", 7)
    assert judged.HasField("estimate")
    assert not (await scheduler.batches.ListBatches(pb.ListBatchesRequest())).batches
    assert (await scheduler.create(generic())).batch_id == ""


async def test_what_a_batch_is_to_submit_goes_with_the_conversation(
    scheduler: Served, worker: BareWorker
) -> None:
    spec = pb.JobSpec(
        reflection_processing=pb.ReflectionProcessingSpec(text="About it.", conversation_id="debate-1")
    )
    listed = jobs_of(2)
    for place in range(2):
        listed.jobs.jobs.insert(2 * place, pb.Job(spec=spec))
    await scheduler.conversations.PutConversation(pb.PutConversationRequest(conversation=debate("debate-1")))
    # Given a batch of which one member is submitted, on the conversation as every second of them
    request = pb.CreateBatchRequest(batch=pb.Batch(parallel_limit=1), members=listed)
    created = await scheduler.batches.CreateBatch(request)

    async def first_is_there() -> bool:
        return bool(await members(scheduler, created.batch_id))

    await wait_until_async(first_is_there)
    # When the conversation is erased with its jobs
    erased = await scheduler.conversations.DeleteConversation(
        pb.DeleteConversationRequest(conversation_id="debate-1", delete_jobs=True)
    )
    assert erased.job_count == 2

    # Then the others are submitted, and the batch ends with them
    async def all_ended() -> bool:
        for lease in worker.fetch_up_to(1):
            worker.succeed(lease)
        return (await read(scheduler, created.batch_id)).HasField("end_time")

    await wait_until_async(all_ended)
    batch = await read(scheduler, created.batch_id)
    assert batch.counts == pb.BatchCounts(succeeded_count=2, cancelled_count=2)
