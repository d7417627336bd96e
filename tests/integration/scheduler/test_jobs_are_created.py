"""CreateJob and CreateJobs over a real port and a real store."""

from __future__ import annotations

import grpc
import pytest
import redis
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2

from bothsides.jobs import v1 as pb
from bothsides_stack.embedded import EmbeddedServer
from common.auth.caller import Role
from support.rpc import detail
from support.scheduler import (
    BareWorker,
    Served,
    analysis_of,
    credentials,
    debate,
    generic,
    reflection,
    refusal,
    serving,
)

FAR = Timestamp(seconds=4_000_000_000)
FARTHER = Timestamp(seconds=4_100_000_000)


async def test_a_created_job_is_returned_as_it_is_stored(scheduler: Served) -> None:
    created = await scheduler.create(
        generic("count", labels={"team": "red"}, priority=pb.Job.HIGH, timeout=Duration(seconds=7))
    )

    read = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=created.job_id))

    assert read == created
    assert created.state == pb.Job.PENDING
    assert (created.type, created.queue, created.actor) == (pb.Job.GENERIC, "data_processing", "count")
    assert created.labels == {"team": "red"}
    assert created.retry_policy.max_attempts == 3
    assert created.timeout.seconds == 7


async def test_a_worker_gets_a_typed_job_as_its_spec(scheduler: Served, client: redis.Redis) -> None:
    await scheduler.create(reflection("It went well."))

    worker = BareWorker(client, "ai_analysis")
    message = worker.message(worker.fetch())

    assert message.actor_name == "reflection_processing"
    assert message.kwargs == {"spec": {"text": "It went well."}}
    assert message.options["tenant"] == "default"


async def test_insights_are_ordered_without_a_conversation(scheduler: Served, client: redis.Redis) -> None:
    spec = pb.LearningInsightsSpec(participant_id="ines", conversation_ids=["b", "a"])
    request = pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(learning_insights=spec)))
    created = await scheduler.create(request)

    message = BareWorker(client, "data_processing").message(BareWorker(client, "data_processing").fetch())
    job = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=created.job_id, view=pb.JOB_VIEW_FULL))

    assert (job.type, job.queue, job.conversation_id) == (pb.Job.LEARNING_INSIGHTS, "data_processing", "")
    assert message.kwargs == {"spec": {"participant_id": "ines", "conversation_ids": ["b", "a"]}}
    assert job.spec.learning_insights == spec


async def test_a_worker_gets_a_generic_job_as_its_arguments(scheduler: Served, worker: BareWorker) -> None:
    """Whole numbers arrive as int, as the caller of an actor would have written them."""
    request = generic("add")
    request.job.spec.generic.args.extend([Value(number_value=2), Value(number_value=0.5)])
    request.job.spec.generic.kwargs.update({"deep": {"list": [True, None, "x"]}})
    await scheduler.create(request)

    message = worker.message(worker.fetch())

    assert list(message.args) == [2, 0.5]
    assert isinstance(message.args[0], int)
    assert message.kwargs == {"deep": {"list": [True, None, "x"]}}


async def test_a_job_for_later_is_scheduled(scheduler: Served) -> None:
    created = await scheduler.create(generic(schedule_time=FAR))

    assert created.state == pb.Job.SCHEDULED
    assert created.schedule_time == created.next_attempt_time == FAR


async def test_a_schedule_time_in_the_past_means_now(scheduler: Served) -> None:
    created = await scheduler.create(generic(schedule_time=Timestamp(seconds=1)))

    assert created.state == pb.Job.PENDING


async def test_the_same_request_id_and_job_return_the_first_job(scheduler: Served) -> None:
    first = await scheduler.create(generic(request_id="once"))
    again = await scheduler.create(generic(request_id="once"))

    assert again.job_id == first.job_id
    assert len((await scheduler.jobs.ListJobs(pb.ListJobsRequest())).jobs) == 1


async def test_the_same_request_id_with_another_job_is_refused(scheduler: Served) -> None:
    first = await scheduler.create(generic(request_id="once"))

    refused = await refusal(scheduler.create(generic("another", request_id="once")))

    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert refused.fields == ["request_id"]
    assert refused.metadata["job_id"] == first.job_id


async def test_the_same_request_id_of_a_job_that_is_gone_says_so(scheduler: Served) -> None:
    first = await scheduler.create(generic(request_id="once"))
    await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=first.job_id))
    await scheduler.jobs.DeleteJob(pb.DeleteJobRequest(job_id=first.job_id))

    refused = await refusal(scheduler.create(generic(request_id="once")))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_SPENT")
    assert (refused.fields, refused.metadata["job_id"]) == (["request_id"], first.job_id)
    many = pb.CreateJobsRequest(requests=[generic(request_id="once")])
    [item] = (await scheduler.jobs.CreateJobs(many)).items
    assert "use a new id" in item.error.message


async def test_the_same_request_id_with_a_job_of_another_queue_is_refused(scheduler: Served) -> None:
    first = await scheduler.create(generic(request_id="once"))
    there = generic(request_id="once")
    there.job.spec.generic.queue = "elsewhere"

    refused = await refusal(scheduler.create(there))

    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert refused.metadata["job_id"] == first.job_id
    assert f"{first.job_id} of the queue data_processing" in refused.status.message


async def test_of_items_with_one_request_id_for_two_queues_one_is_created(scheduler: Served) -> None:
    requests = [generic(request_id=f"r{number % 20}") for number in range(40)]
    for there in requests[20:]:
        there.job.spec.generic.queue = "elsewhere"

    response = await scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=requests))

    for one, other in zip(response.items[:20], response.items[20:], strict=True):
        made, refused = (one, other) if one.HasField("job") else (other, one)
        info = detail(refused.error, error_details_pb2.ErrorInfo)
        assert (info.reason, info.metadata["job_id"]) == ("REQUEST_ID_REUSED", made.job.job_id)
    assert len((await scheduler.jobs.ListJobs(pb.ListJobsRequest())).jobs) == 20


async def test_output_fields_of_a_request_do_not_make_it_another(scheduler: Served) -> None:
    """A client may send back a job that it got."""
    first = await scheduler.create(generic(request_id="once"))
    again = await scheduler.create(generic(request_id="once", worker="w", etag="1"))

    assert again.job_id == first.job_id


async def test_a_request_id_belongs_to_its_tenant(valkey: str) -> None:
    async with serving(valkey, auth=True) as served:
        jobs = [
            await served.jobs.CreateJob(
                generic(request_id="once"), metadata=credentials(tenant, Role.SUBMITTER)
            )
            for tenant in ("north", "south")
        ]

    assert jobs[0].job_id != jobs[1].job_id
    assert [job.tenant for job in jobs] == ["north", "south"]


async def test_validate_only_stores_nothing(scheduler: Served) -> None:
    request = generic(request_id="once")
    request.validate_only = True

    judged = await scheduler.create(request)

    assert judged.job_id == ""
    assert judged.state == pb.Job.PENDING
    assert not (await scheduler.jobs.ListJobs(pb.ListJobsRequest())).jobs


async def test_validate_only_finds_what_creating_would(scheduler: Served) -> None:
    request = analysis_of("nowhere")
    request.validate_only = True

    refused = await refusal(scheduler.create(request))

    assert refused.fields == ["job.spec.transcript_analysis.conversation_id"]


async def test_an_analysis_needs_its_conversation(scheduler: Served) -> None:
    refused = await refusal(scheduler.create(analysis_of("debate-1")))
    assert refused.reason == "FIELD_INVALID"
    assert refused.fields == ["job.spec.transcript_analysis.conversation_id"]

    await scheduler.conversations.PutConversation(pb.PutConversationRequest(conversation=debate("debate-1")))
    created = await scheduler.create(analysis_of("debate-1"))

    assert (created.type, created.conversation_id) == (pb.Job.TRANSCRIPT_ANALYSIS, "debate-1")


async def test_conversations_kept_elsewhere_are_not_looked_for(valkey: str) -> None:
    async with serving(valkey, own_conversations=False) as served:
        created = await served.create(analysis_of("elsewhere"))

    assert created.conversation_id == "elsewhere"


async def test_a_full_queue_says_when_to_try_again(scheduler: Served, client: redis.Redis) -> None:
    client.hset("{bothsides:data_processing}:config", "depth", 1)
    await scheduler.create()

    refused = await refusal(scheduler.create())

    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
    assert refused.metadata == {"queue": "data_processing", "limit": "1"}
    assert detail(refused.status, error_details_pb2.RetryInfo).retry_delay.ToMilliseconds() == 5_000
    assert detail(refused.status, error_details_pb2.QuotaFailure).violations


async def test_a_store_without_memory_refuses_new_work_but_ends_old() -> None:
    with EmbeddedServer() as server, redis.Redis.from_url(server.url, protocol=2) as client:
        async with serving(server.url) as served:
            job = await served.create()
            client.config_set("maxmemory", "1")

            refused = await refusal(served.create())
            many = await served.jobs.CreateJobs(pb.CreateJobsRequest(requests=[generic()]))
            kept = await refusal(
                served.conversations.PutConversation(pb.PutConversationRequest(conversation=debate()))
            )
            cancelled = await served.jobs.CancelJob(pb.CancelJobRequest(job_id=job.job_id))

    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORE_FULL")
    assert detail(refused.status, error_details_pb2.RetryInfo).retry_delay.ToMilliseconds() == 10_000
    assert detail(many.items[0].error, error_details_pb2.ErrorInfo).reason == kept.reason == "STORE_FULL"
    assert cancelled.state == pb.Job.CANCELLED


def _with_args(*values: Value) -> pb.CreateJobRequest:
    request = generic()
    request.job.spec.generic.args.extend(values)
    return request


BAD = {
    "no job": (pb.CreateJobRequest(), "job"),
    "no spec": (pb.CreateJobRequest(job=pb.Job()), "job.spec"),
    "no kind of spec": (pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec())), "job.spec.kind"),
    "an actor without a name": (generic(""), "job.spec.generic.actor"),
    "a typed job's actor": (generic("transcript_analysis"), "job.spec.generic.actor"),
    "a queue with spaces": (
        pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec(actor="a", queue="a b")))),
        "job.spec.generic.queue",
    ),
    "a number that is none": (
        _with_args(Value(), Value(number_value=float("nan"))),
        "job.spec.generic.args[1]",
    ),
    "an unknown priority": (generic(priority=77), "job.priority"),
    "a label key in capitals": (generic(labels={"Team": "red"}), 'job.labels["Team"]'),
    "a long label": (generic(labels={"team": "x" * 64}), 'job.labels["team"]'),
    "an empty reflection": (reflection(""), "job.spec.reflection_processing.text"),
    "insights of nobody": (
        pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(learning_insights=pb.LearningInsightsSpec()))),
        "job.spec.learning_insights.participant_id",
    ),
    "an odd conversation id": (analysis_of("a/b"), "job.spec.transcript_analysis.conversation_id"),
    "a time before 1970": (generic(schedule_time=Timestamp(seconds=-1)), "job.schedule_time"),
    "a time after 9999": (generic(deadline_time=Timestamp(seconds=2**60)), "job.deadline_time"),
    "nanos out of range": (generic(schedule_time=Timestamp(nanos=-1)), "job.schedule_time"),
    "an end before the start": (generic(schedule_time=FARTHER, expire_time=FAR), "job.expire_time"),
    "an end at the start": (generic(schedule_time=FAR, expire_time=FAR), "job.expire_time"),
    "a life too short to start": (generic(schedule_time=FAR, ttl=Duration(seconds=60)), "job.ttl"),
    "a life past the year 9999": (generic(ttl=Duration(seconds=315_576_000_000)), "job.ttl"),
    "a pause of years": (
        generic(retry_policy=pb.RetryPolicy(max_backoff=Duration(seconds=31_622_401))),
        "job.retry_policy.max_backoff",
    ),
    "a life of no time": (generic(ttl=Duration(nanos=1)), "job.ttl"),
    "a timeout of days": (generic(timeout=Duration(seconds=86_401)), "job.timeout"),
    "too many attempts": (
        generic(retry_policy=pb.RetryPolicy(max_attempts=101)),
        "job.retry_policy.max_attempts",
    ),
    "bounds the wrong way round": (
        generic(
            retry_policy=pb.RetryPolicy(min_backoff=Duration(seconds=2), max_backoff=Duration(seconds=1))
        ),
        "job.retry_policy.min_backoff",
    ),
    "a request id with spaces": (generic(request_id="a b"), "request_id"),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_is_refused_with_the_name_of_its_field(scheduler: Served, name: str) -> None:
    request, field = BAD[name]

    refused = await refusal(scheduler.create(request))

    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert set(refused.fields) == {field}


async def test_each_of_many_jobs_has_its_own_outcome_in_order(scheduler: Served) -> None:
    await scheduler.create(generic("first", request_id="taken"))
    requests = [
        generic("one"),
        generic(""),
        reflection("Fine."),
        generic("other", request_id="taken"),
        analysis_of("nowhere"),
        generic("last", request_id="new"),
        generic("last", request_id="new"),
    ]

    response = await scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=requests))

    outcomes = [item.WhichOneof("outcome") for item in response.items]
    assert outcomes == ["job", "error", "job", "error", "error", "job", "job"]
    reasons = [detail(response.items[i].error, error_details_pb2.ErrorInfo).reason for i in (1, 3, 4)]
    assert reasons == ["FIELD_INVALID", "REQUEST_ID_REUSED", "FIELD_INVALID"]
    assert [response.items[i].job.actor for i in (0, 2, 5)] == ["one", "reflection_processing", "last"]
    assert response.items[5].job.job_id == response.items[6].job.job_id


async def test_items_that_are_only_to_be_judged_are_not_stored(scheduler: Served) -> None:
    judged, bad = generic("judged"), analysis_of("nowhere")
    judged.validate_only = bad.validate_only = True

    response = await scheduler.jobs.CreateJobs(
        pb.CreateJobsRequest(requests=[judged, generic("stored"), bad])
    )

    assert [item.WhichOneof("outcome") for item in response.items] == ["job", "job", "error"]
    assert response.items[0].job.job_id == ""
    listed = await scheduler.jobs.ListJobs(pb.ListJobsRequest())
    assert [job.actor for job in listed.jobs] == ["stored"]


async def test_a_thousand_jobs_go_in_with_one_call(scheduler: Served, client: redis.Redis) -> None:
    requests = [generic(f"work{i}") if i % 3 else reflection(f"Text {i}.") for i in range(1_000)]

    response = await scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=requests))

    expected = [f"work{i}" if i % 3 else "reflection_processing" for i in range(1_000)]
    assert [item.job.actor for item in response.items] == expected
    by_type = {"data_processing": "GENERIC", "ai_analysis": "REFLECTION_PROCESSING"}
    stored = sum(
        client.zcard(f"{{bothsides:{queue}}}:index:default:type={kind}") for queue, kind in by_type.items()
    )
    assert stored == 1_000
    assert len({item.job.job_id for item in response.items}) == 1_000


async def test_a_full_queue_refuses_some_of_many(scheduler: Served, client: redis.Redis) -> None:
    client.hset("{bothsides:data_processing}:config", "depth", 60)

    response = await scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=[generic() for _ in range(70)]))

    outcomes = [item.WhichOneof("outcome") for item in response.items]
    assert outcomes.count("job") == 60
    codes = {item.error.code for item in response.items if item.HasField("error")}
    assert codes == {grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]}


async def test_no_jobs_or_too_many_are_refused_as_a_whole(scheduler: Served) -> None:
    for count in (0, 1_001):
        requests = pb.CreateJobsRequest(requests=[generic()] * count)
        assert (await refusal(scheduler.jobs.CreateJobs(requests))).fields == ["requests"]


async def test_labels_that_are_too_long_together_cost_only_their_own_job(scheduler: Served) -> None:
    long = generic(labels={f"k{i}": "🙂" * 63 for i in range(16)})
    requests = pb.CreateJobsRequest(requests=[generic(), long, generic(labels={"team": "red"})])

    response = await scheduler.jobs.CreateJobs(requests)
    refused = await refusal(scheduler.create(long))

    assert [item.WhichOneof("outcome") for item in response.items] == ["job", "error", "job"]
    assert (refused.reason, refused.fields) == ("FIELD_INVALID", ["job.labels"])


@pytest.mark.parametrize("value", ["line\nbreak", "tab\t", "\x1f", "\x7f"])
async def test_a_label_with_a_control_character_is_refused(scheduler: Served, value: str) -> None:
    refused = await refusal(scheduler.create(generic(labels={"team": value})))

    assert refused.fields == ['job.labels["team"]']
