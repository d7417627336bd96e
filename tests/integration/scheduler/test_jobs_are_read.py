"""GetJob, ListJobs, CancelJob and RetryJob over a real port and a real store."""

from __future__ import annotations

import base64
import json

import dramatiq
import grpc
import pytest
import redis
from google.protobuf.json_format import MessageToDict, MessageToJson
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from common.broker import JobBroker
from common.job.ids import new_job_id
from common.job.model import Content
from support.rpc import detail
from support.scheduler import TYPED, BareWorker, Served, credentials, generic, reflection, refusal, serving


async def _full(served: Served, job_id: str) -> pb.Job:
    return await served.jobs.GetJob(pb.GetJobRequest(job_id=job_id, view=pb.JOB_VIEW_FULL))


async def test_the_basic_view_leaves_out_what_is_private(scheduler: Served, client: redis.Redis) -> None:
    created = await scheduler.create(reflection("My secret thoughts."))
    worker = BareWorker(client, "ai_analysis")
    lease = worker.fetch()
    worker.keep(lease, "tone", "a secret")
    worker.succeed(lease, Content("application/json", b'"a secret"'))

    basic = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=created.job_id))
    full = await _full(scheduler, created.job_id)

    assert "secret" not in str(basic)
    assert basic.spec.WhichOneof("kind") == "reflection_processing"
    assert full.spec.reflection_processing.text == "My secret thoughts."
    assert full.result.generic.string_value == "a secret"
    assert [part.part for part in full.partial_results] == ["tone"]


async def test_a_typed_result_is_returned_as_it_was_made(scheduler: Served, worker: BareWorker) -> None:
    created = await scheduler.create()
    result = pb.JobResult(analysis=pb.DebateAnalysis(conversation_id="c", turn_count=3))
    worker.succeed(worker.fetch(), Content(TYPED, result.SerializeToString()))

    assert (await _full(scheduler, created.job_id)).result == result


@pytest.mark.parametrize(
    "content",
    [Content("application/json", b"{"), Content(TYPED, b"\xff"), Content("image/png", b"\x89PNG")],
    ids=["broken JSON", "a broken message", "another kind"],
)
async def test_a_result_that_cannot_be_read_is_returned_as_bytes(
    scheduler: Served, worker: BareWorker, content: Content
) -> None:
    created = await scheduler.create()
    worker.succeed(worker.fetch(), content)

    returned = (await _full(scheduler, created.job_id)).result.generic.struct_value

    assert returned["media_type"] == content.media_type
    assert base64.b64decode(str(returned["base64"])) == content.data


async def test_arguments_come_back_as_they_were_given(scheduler: Served) -> None:
    request = generic("add")
    request.job.spec.generic.args.extend([Value(number_value=1), Value(string_value="two")])
    request.job.spec.generic.kwargs.update({"three": [3.5, None]})

    created = await scheduler.create(request)

    spec = (await _full(scheduler, created.job_id)).spec.generic
    assert list(spec.args) == list(request.job.spec.generic.args)
    assert spec.kwargs == request.job.spec.generic.kwargs


async def test_times_that_only_an_actor_can_name_are_told_as_far_as_json_can_spell_them(
    scheduler: Served, client: redis.Redis
) -> None:
    broker = JobBroker(client)

    @dramatiq.actor(broker=broker, queue_name="data_processing")
    def some_day() -> None: ...

    sent = some_day.send_with_options(delay=10**15, ttl_ms=10**16, max_backoff=10**18)

    job = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=sent.options["job_id"]))
    explained = await scheduler.jobs.ExplainJob(pb.ExplainJobRequest(job_id=job.job_id))
    told = json.loads(MessageToJson(job))
    assert told["nextAttemptTime"] == told["expireTime"] == "9999-12-31T23:59:59.999Z"
    assert told["retryPolicy"]["maxBackoff"] == "315576000000s"
    assert MessageToDict(explained)["blockers"][0]["clearTime"] == "9999-12-31T23:59:59.999Z"


async def test_a_failed_job_says_why(scheduler: Served, worker: BareWorker) -> None:
    created = await scheduler.create()
    worker.fail(worker.fetch(), "DISK_FULL")

    job = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=created.job_id))

    assert job.state == pb.Job.FAILED
    assert (job.last_error.reason, job.last_error.error_class) == ("DISK_FULL", pb.JobError.BUG)
    assert job.attempt_count == 1
    assert job.etag != created.etag


@pytest.mark.parametrize(
    "job_id",
    [
        "nonsense",
        "ai-",
        "ai-" + "0" * 26,
        new_job_id("a queue of no one", now_ms=0),
        "q.x-" + "é" * 26,
        "\0",
    ],
    ids=["no id", "no number", "never made", "of no queue", "of other letters", "a control character"],
)
async def test_an_unknown_id_is_not_found(scheduler: Served, job_id: str) -> None:
    calls = [
        scheduler.jobs.GetJob(pb.GetJobRequest(job_id=job_id)),
        scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id)),
        scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=job_id)),
    ]
    for call in calls:
        refused = await refusal(call)
        assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND")
        assert detail(refused.status, error_details_pb2.ResourceInfo).resource_name == job_id


async def test_a_job_of_another_tenant_does_not_exist(valkey: str) -> None:
    async with serving(valkey, auth=True) as served:
        theirs = await served.jobs.CreateJob(generic(), metadata=credentials("north", Role.SUBMITTER))
        us = credentials("south", Role.SUBMITTER, Role.PAYLOAD_READER)

        for call in (
            served.jobs.GetJob(pb.GetJobRequest(job_id=theirs.job_id), metadata=us),
            served.jobs.CancelJob(pb.CancelJobRequest(job_id=theirs.job_id), metadata=us),
            served.jobs.RetryJob(pb.RetryJobRequest(job_id=theirs.job_id), metadata=us),
        ):
            assert (await refusal(call)).reason == "JOB_NOT_FOUND"
        assert not (await served.jobs.ListJobs(pb.ListJobsRequest(), metadata=us)).jobs


async def test_the_full_view_needs_the_role_for_payloads(valkey: str) -> None:
    async with serving(valkey, auth=True) as served:
        submitter = credentials("north", Role.SUBMITTER)
        reader = credentials("north", Role.SUBMITTER, Role.PAYLOAD_READER)
        job = await served.jobs.CreateJob(reflection("Mine."), metadata=submitter)
        get = pb.GetJobRequest(job_id=job.job_id, view=pb.JOB_VIEW_FULL)

        refused = await refusal(served.jobs.GetJob(get, metadata=submitter))
        listed = await refusal(
            served.jobs.ListJobs(pb.ListJobsRequest(view=pb.JOB_VIEW_FULL), metadata=submitter)
        )
        read = await served.jobs.GetJob(get, metadata=reader)

    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_MISSING")
    assert refused.metadata == listed.metadata == {"role": "payload_reader"}
    assert read.spec.reflection_processing.text == "Mine."


async def test_a_waiting_job_is_cancelled_at_once_and_again(scheduler: Served) -> None:
    job = await scheduler.create()

    for _ in range(2):
        cancelled = await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=job.job_id))
        assert cancelled.state == pb.Job.CANCELLED


async def test_a_running_job_is_asked_to_stop(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    worker.fetch()

    cancelled = await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=job.job_id))

    assert cancelled.state == pb.Job.CANCELLING


async def test_a_job_that_ended_otherwise_cannot_be_cancelled(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    worker.succeed(worker.fetch())

    refused = await refusal(scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=job.job_id)))

    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_NOT_CANCELLABLE")
    assert refused.metadata == {"job_id": job.job_id, "state": "SUCCEEDED"}
    assert detail(refused.status, error_details_pb2.PreconditionFailure).violations


async def test_a_failed_job_can_be_retried_and_then_not_again(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    worker.fail(worker.fetch())

    retried = await scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=job.job_id))
    refused = await refusal(scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=job.job_id)))

    assert (retried.state, retried.attempt_count) == (pb.Job.PENDING, 0)
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_NOT_RETRYABLE")
    assert refused.metadata["state"] == "PENDING"


async def _pages(served: Served, **fields: object) -> list[list[pb.Job]]:
    """Return all pages of a list."""
    pages: list[list[pb.Job]] = []
    token = ""
    while True:
        request = pb.ListJobsRequest(page_token=token, **fields)  # type: ignore[arg-type]
        response = await served.jobs.ListJobs(request)
        pages.append(list(response.jobs))
        token = response.next_page_token
        if not token:
            return pages


async def _create_in_turn(served: Served, count: int) -> list[str]:
    """Create jobs in three queues in turn; return their ids."""
    ids = []
    for i in range(count):
        request = [generic(), reflection(), generic("mail")][i % 3]
        if i % 3 == 2:
            request.job.spec.generic.queue = "own-queue"
        ids.append((await served.create(request)).job_id)
    return ids


async def test_a_list_shows_the_jobs_of_all_queues_newest_first(scheduler: Served) -> None:
    created = await _create_in_turn(scheduler, 10)

    pages = await _pages(scheduler, page_size=4)

    listed = [job.job_id for page in pages for job in page]
    assert [len(page) for page in pages] == [4, 4, 2]
    by_time = sorted(created, key=lambda job_id: job_id.rpartition("-")[2], reverse=True)
    assert listed == by_time


async def test_pages_stay_the_same_while_jobs_are_added(scheduler: Served) -> None:
    created = await _create_in_turn(scheduler, 9)
    listed: list[str] = []
    token = ""
    for _ in range(3):
        response = await scheduler.jobs.ListJobs(pb.ListJobsRequest(page_size=3, page_token=token))
        listed += [job.job_id for job in response.jobs]
        token = response.next_page_token
        await _create_in_turn(scheduler, 4)

    assert token == ""
    assert sorted(listed) == sorted(created)


async def test_a_page_holds_at_most_500_and_by_default_50(scheduler: Served) -> None:
    requests = pb.CreateJobsRequest(requests=[generic()] * 520)
    await scheduler.jobs.CreateJobs(requests)

    for asked, given in ((0, 50), (500, 500), (2_000, 500)):
        response = await scheduler.jobs.ListJobs(pb.ListJobsRequest(page_size=asked))
        assert len(response.jobs) == given


async def test_the_full_view_of_a_list_holds_the_arguments(scheduler: Served) -> None:
    await scheduler.create(reflection("One."))
    await scheduler.create(reflection("Two."))

    response = await scheduler.jobs.ListJobs(pb.ListJobsRequest(view=pb.JOB_VIEW_FULL))

    assert [job.spec.reflection_processing.text for job in response.jobs] == ["Two.", "One."]


async def test_a_page_of_large_jobs_ends_early(scheduler: Served, worker: BareWorker) -> None:
    """So that it fits into one message; the next page goes on."""
    created = [(await scheduler.create()).job_id for _ in range(5)]
    for _ in created:
        worker.succeed(worker.fetch(), Content("application/json", b'"%s"' % (b"x" * 1_500_000)))

    pages = await _pages(scheduler, view=pb.JOB_VIEW_FULL)

    assert [len(page) for page in pages] == [2, 2, 1]
    listed = [job for page in pages for job in page]
    assert [job.job_id for job in listed] == created[::-1]
    assert all(len(job.result.generic.string_value) == 1_500_000 for job in listed)


async def test_a_filter_limits_the_list(scheduler: Served, worker: BareWorker) -> None:
    # Given a failed job, a waiting one of another queue, and one for later
    failed = await scheduler.create(generic("broken", labels={"team": "red"}))
    worker.fail(worker.fetch())
    typed = await scheduler.create(reflection(priority=pb.Job.HIGH))
    later = await scheduler.create(generic("later", schedule_time=Timestamp(seconds=4_000_000_000)))
    everything = {failed.job_id, typed.job_id, later.job_id}

    # When it is filtered by each field, then the list holds what matches
    for text, expected in {
        "state = FAILED": {failed.job_id},
        "state != FAILED": everything - {failed.job_id},
        "type = REFLECTION_PROCESSING": {typed.job_id},
        "type = GENERIC AND state = SCHEDULED": {later.job_id},
        "type = REFLECTION_PROCESSING AND queue = data_processing": set(),
        'queue = "data_processing"': everything - {typed.job_id},
        "priority = HIGH": {typed.job_id},
        "actor = broken": {failed.job_id},
        "labels.team = red": {failed.job_id},
        "labels.team != red": everything - {failed.job_id},
        "create_time > 2020-01-01T00:00:00Z": everything,
        'create_time < "2020-01-01T00:00:00+02:00"': set(),
        "conversation_id = nowhere": set(),
        "": everything,
    }.items():
        listed = {job.job_id for page in await _pages(scheduler, filter=text, page_size=2) for job in page}
        assert listed == expected, text


async def test_a_filter_that_matches_little_still_reaches_the_end(scheduler: Served) -> None:
    """A page ends early when enough was looked at; its token goes on from there."""
    oldest = await scheduler.create(generic("needle"))
    await scheduler.create(reflection())
    for _ in range(11):
        await scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=[generic()] * 1_000))

    pages = await _pages(scheduler, filter="actor = needle")

    assert [job.job_id for page in pages for job in page] == [oldest.job_id]
    assert len(pages) > 1


async def test_a_bad_filter_is_refused_with_the_place(scheduler: Served) -> None:
    refused = await refusal(scheduler.jobs.ListJobs(pb.ListJobsRequest(filter="state = DONE")))

    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FILTER_INVALID")
    assert refused.fields == ["filter"]
    assert "at character 9" in refused.status.message


async def test_a_page_token_is_of_use_only_for_its_own_list(valkey: str) -> None:
    async with serving(valkey, auth=True) as served:
        us = credentials("north", Role.SUBMITTER)
        for _ in range(3):
            await served.jobs.CreateJob(generic(), metadata=us)
        first = await served.jobs.ListJobs(pb.ListJobsRequest(page_size=1), metadata=us)
        token = first.next_page_token
        tampered = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")

        for request, caller in (
            (pb.ListJobsRequest(page_token=tampered), us),
            (pb.ListJobsRequest(page_token="?"), us),
            (pb.ListJobsRequest(page_token="é"), us),
            (pb.ListJobsRequest(page_token=token, filter="state = FAILED"), us),
            (pb.ListJobsRequest(page_token=token), credentials("south", Role.VIEWER)),
        ):
            refused = await refusal(served.jobs.ListJobs(request, metadata=caller))
            assert refused.reason == "PAGE_TOKEN_INVALID"
            assert refused.fields == ["page_token"]
        of_conversations = await refusal(
            served.conversations.ListConversations(pb.ListConversationsRequest(page_token=token), metadata=us)
        )
        assert of_conversations.reason == "PAGE_TOKEN_INVALID"


async def test_another_replica_goes_on_with_a_page_token(valkey: str) -> None:
    """The sealing key is the deployment's, with and without a secret of its own."""
    async with serving(valkey) as one, serving(valkey) as other:
        created = [await one.create() for _ in range(2)]
        first = await one.jobs.ListJobs(pb.ListJobsRequest(page_size=1))
        second = await other.jobs.ListJobs(pb.ListJobsRequest(page_token=first.next_page_token))

    assert [job.job_id for job in (*first.jobs, *second.jobs)] == [job.job_id for job in reversed(created)]
