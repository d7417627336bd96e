"""UpdateJob, RetryJob with another spec, and DeleteJob over a real port and a real store."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
import redis
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from common.job.model import ErrorClass, JobError
from common.job.outcome import Fail, Retry
from common.store import jobs
from support.scheduler import (
    BareWorker,
    Refusal,
    Served,
    analysis_of,
    credentials,
    debate,
    generic,
    reflection,
    refusal,
    serving,
)
from support.waiting import wait_until_async

FAR = Timestamp(seconds=4_000_000_000)
FARTHER = Timestamp(seconds=4_100_000_000)
BROKEN = JobError(ErrorClass.TRANSIENT, "BROKEN")


async def _get(scheduler: Served, job: pb.Job, *, full: bool = False) -> pb.Job:
    view = pb.JOB_VIEW_FULL if full else pb.JOB_VIEW_BASIC
    return await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=job.job_id, view=view))


async def _update(scheduler: Served, job: pb.Job, *paths: str, **fields: Any) -> pb.Job:
    request = pb.UpdateJobRequest(job=pb.Job(job_id=job.job_id, **fields))
    if paths:
        request.update_mask.CopyFrom(FieldMask(paths=paths))
    return await scheduler.jobs.UpdateJob(request)


async def _refused(scheduler: Served, job: pb.Job, *paths: str, **fields: Any) -> Refusal:
    return await refusal(_update(scheduler, job, *paths, **fields))


async def test_all_fields_that_are_set_change(scheduler: Served) -> None:
    job = await scheduler.create(generic(labels={"team": "red"}))
    policy = pb.RetryPolicy(max_attempts=7, min_backoff=Duration(seconds=1), max_backoff=Duration(seconds=9))

    updated = await _update(
        scheduler,
        job,
        priority=pb.Job.HIGH,
        labels={"team": "blue", "plan": "pro"},
        deadline_time=FAR,
        expire_time=FARTHER,
        retry_policy=policy,
        timeout=Duration(seconds=7),
    )

    assert updated == await _get(scheduler, job)
    assert updated.priority == pb.Job.HIGH
    assert updated.labels == {"team": "blue", "plan": "pro"}
    assert (updated.deadline_time, updated.expire_time) == (FAR, FARTHER)
    assert updated.retry_policy == policy
    assert updated.timeout == Duration(seconds=7)
    assert updated.etag != job.etag
    assert (updated.state, updated.create_time) == (pb.Job.PENDING, job.create_time)


async def test_only_the_fields_of_the_mask_change(scheduler: Served) -> None:
    job = await scheduler.create(generic(labels={"team": "red"}, deadline_time=FAR, priority=pb.Job.LOW))

    updated = await _update(scheduler, job, "deadline_time", "priority", labels={"team": "blue"})

    assert updated.labels == {"team": "red"}
    assert not updated.HasField("deadline_time")
    assert updated.priority == pb.Job.NORMAL


async def test_a_star_returns_all_that_is_not_set_to_its_default(scheduler: Served) -> None:
    policy = pb.RetryPolicy(max_attempts=9)
    job = await scheduler.create(
        generic(labels={"team": "red"}, expire_time=FAR, timeout=Duration(seconds=1), retry_policy=policy)
    )
    plain = await scheduler.create()

    updated = await _update(scheduler, job, "*")

    assert not updated.labels
    assert not updated.HasField("expire_time")
    assert not updated.HasField("timeout")
    assert updated.retry_policy == plain.retry_policy


async def test_a_new_priority_changes_the_order(scheduler: Served, worker: BareWorker) -> None:
    await scheduler.create()
    last = await scheduler.create()

    await _update(scheduler, last, priority=pb.Job.CRITICAL)

    assert worker.fetch().job_id == last.job_id


async def test_a_new_deadline_changes_the_order_whatever_else_changes(
    scheduler: Served, worker: BareWorker
) -> None:
    first, last = await scheduler.create(), await scheduler.create()
    soon = Timestamp(seconds=first.create_time.seconds + 40)

    await _update(scheduler, last, deadline_time=soon)
    await _update(scheduler, last, labels={"team": "red"})

    assert worker.fetch().job_id == last.job_id


async def test_a_pending_job_may_be_put_off_and_brought_forward(
    scheduler: Served, worker: BareWorker
) -> None:
    job = await scheduler.create()

    later = await _update(scheduler, job, schedule_time=FAR)
    assert (later.state, later.schedule_time, later.next_attempt_time) == (pb.Job.SCHEDULED, FAR, FAR)
    assert worker.fetch_up_to(1) == []

    now = await _update(scheduler, job, "schedule_time")
    assert (now.state, now.HasField("schedule_time")) == (pb.Job.PENDING, False)
    assert worker.fetch().job_id == job.job_id


async def test_a_time_to_live_counts_from_creation(scheduler: Served) -> None:
    job = await scheduler.create()

    updated = await _update(scheduler, job, ttl=Duration(seconds=600))

    assert updated.expire_time.ToMilliseconds() == job.create_time.ToMilliseconds() + 600_000


async def test_an_etag_protects_a_change_that_was_not_seen(scheduler: Served) -> None:
    job = await scheduler.create()
    changed = await _update(scheduler, job, priority=pb.Job.HIGH, etag=job.etag)

    refused = await _refused(scheduler, job, priority=pb.Job.LOW, etag=job.etag)
    again = await _update(scheduler, job, priority=pb.Job.LOW, etag=changed.etag)

    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert again.priority == pb.Job.LOW


async def test_a_job_that_does_not_wait_cannot_change(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    lease = worker.fetch()

    running = await _refused(scheduler, job, priority=pb.Job.HIGH)
    worker.succeed(lease)
    ended = await _refused(scheduler, job, priority=pb.Job.HIGH)

    for refused, state in ((running, "RUNNING"), (ended, "SUCCEEDED")):
        assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_NOT_MUTABLE")
        assert refused.metadata["state"] == state


async def test_a_retry_is_moved_and_then_begun_at_once(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    worker.finish(worker.fetch(), Retry(BROKEN, delay_ms=60_000))

    updated = await _update(scheduler, job, labels={"team": "red"})
    later = await _update(scheduler, job, schedule_time=FAR)

    assert (updated.state, dict(updated.labels)) == (pb.Job.RETRYING, {"team": "red"})
    assert (later.state, later.next_attempt_time.ToSeconds()) == (pb.Job.RETRYING, FAR.ToSeconds())
    assert not later.HasField("schedule_time")
    assert worker.fetch_up_to(1) == []

    now = await _update(scheduler, job, "schedule_time")

    assert (now.state, now.HasField("next_attempt_time")) == (pb.Job.PENDING, False)
    [lease] = worker.fetch_up_to(1)
    assert (lease.job_id, lease.attempt) == (job.job_id, 2)


async def test_a_suspect_cannot_be_brought_back_among_others(scheduler: Served, worker: BareWorker) -> None:
    """It waits for a worker that runs nothing else: what killed its workers would kill its neighbours."""
    job = await scheduler.create()

    async def is_suspect() -> bool:
        worker.fetch_up_to(1, lease_ms=1)
        return (await _get(scheduler, job)).wait_reason == pb.Blocker.SUSPECT

    await wait_until_async(is_suspect)

    refused = await _refused(scheduler, job, "schedule_time")
    verdict = worker.run(jobs.update(worker.keys, job.job_id, {"schedule": "0"}, tenant="default"))
    updated = await _update(scheduler, job, labels={"team": "red"})

    assert refused.reason == "JOB_NOT_MUTABLE"
    assert not verdict.done
    assert updated.wait_reason == pb.Blocker.SUSPECT


async def test_what_is_to_change_is_held_to_the_rules_of_a_new_job(scheduler: Served) -> None:
    job = await scheduler.create()

    assert (await _refused(scheduler, job, labels={"Team": "x"})).fields == ['job.labels["Team"]']
    assert (await _refused(scheduler, job, timeout=Duration(nanos=1))).fields == ["job.timeout"]
    assert (await _refused(scheduler, job, priority=77)).fields == ["job.priority"]
    late = await _refused(scheduler, job, schedule_time=FARTHER, expire_time=FAR)
    assert late.fields == ["job.expire_time"]
    policy = pb.RetryPolicy(min_backoff=Duration(seconds=9), max_backoff=Duration(seconds=1))
    assert (await _refused(scheduler, job, retry_policy=policy)).fields == ["job.retry_policy.min_backoff"]


async def test_what_is_not_to_change_is_not_looked_at(scheduler: Served) -> None:
    job = await scheduler.create()

    updated = await _update(scheduler, job, "priority", priority=pb.Job.HIGH, labels={"Team": "x" * 100})

    assert (updated.priority, len(updated.labels)) == (pb.Job.HIGH, 0)


@pytest.mark.parametrize(
    "path", ["spec", "state", "unique_key", "retry_policy.max_attempts", "labels.team", ""]
)
async def test_a_mask_that_names_anything_else_is_refused(scheduler: Served, path: str) -> None:
    job = await scheduler.create()

    refused = await _refused(scheduler, job, path, priority=pb.Job.HIGH)

    assert (refused.reason, refused.fields) == ("FIELD_INVALID", ["update_mask"])


async def test_an_update_that_names_no_job_or_an_unknown_one_is_refused(scheduler: Served) -> None:
    nothing = await refusal(scheduler.jobs.UpdateJob(pb.UpdateJobRequest()))
    unknown = await _refused(scheduler, pb.Job(job_id="data-" + "0" * 26), priority=pb.Job.HIGH)

    assert nothing.fields == ["job.job_id"]
    assert unknown.reason == "JOB_NOT_FOUND"


async def test_a_label_that_changes_is_found_by_its_new_value(scheduler: Served) -> None:
    queue = pb.Queue(name="data_processing", indexed_labels=["team"])
    await scheduler.queues.UpdateQueue(pb.UpdateQueueRequest(queue=queue, allow_missing=True))
    job = await scheduler.create(generic(labels={"team": "red"}))

    await _update(scheduler, job, labels={"team": "blue"})

    for team, count in (("red", 0), ("blue", 1)):
        page = await scheduler.jobs.ListJobs(pb.ListJobsRequest(filter=f"labels.team = {team}"))
        assert len(page.jobs) == count, team


async def _failed(scheduler: Served, worker: BareWorker, request: pb.CreateJobRequest) -> pb.Job:
    job = await scheduler.create(request)
    worker.finish(worker.fetch(), Fail(BROKEN))
    return job


def _spec(*args: str, actor: str = "work", queue: str = "") -> pb.JobSpec:
    values = [Value(string_value=arg) for arg in args]
    return pb.JobSpec(generic=pb.GenericSpec(actor=actor, queue=queue, args=values))


async def test_a_retry_with_another_spec_keeps_the_former_one(scheduler: Served, worker: BareWorker) -> None:
    request = pb.CreateJobRequest(job=pb.Job(spec=_spec("bad")))
    job = await _failed(scheduler, worker, request)

    retried = await scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=job.job_id, spec=_spec("good")))
    full = await _get(scheduler, job, full=True)
    message = worker.message(worker.fetch())

    assert (job.spec_revision, retried.spec_revision) == (1, 2)
    assert [value.string_value for value in full.spec.generic.args] == ["good"]
    [former] = full.former_specs
    assert [value.string_value for value in former.generic.args] == ["bad"]
    assert message.args == ("good",)
    assert message.options["tenant"] == "default"


async def test_former_specs_are_payload(scheduler: Served, worker: BareWorker) -> None:
    job = await _failed(scheduler, worker, pb.CreateJobRequest(job=pb.Job(spec=_spec("bad"))))
    await scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=job.job_id, spec=_spec("good")))

    assert not (await _get(scheduler, job)).former_specs


async def test_a_typed_spec_may_be_edited(scheduler: Served, client: redis.Redis) -> None:
    worker = BareWorker(client, "ai_analysis")
    await scheduler.conversations.PutConversation(pb.PutConversationRequest(conversation=debate()))
    job = await _failed(scheduler, worker, analysis_of("debate-1"))
    spec = pb.JobSpec(
        transcript_analysis=pb.TranscriptAnalysisSpec(
            conversation_id="debate-1", dimensions=[pb.DIMENSION_TONE]
        )
    )

    await scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=job.job_id, spec=spec))

    assert (await _get(scheduler, job, full=True)).spec == spec


@pytest.mark.parametrize(
    "other",
    [_spec(actor="else"), _spec(queue="exports"), reflection().job.spec, analysis_of("debate-1").job.spec],
)
async def test_a_spec_of_another_job_is_refused(
    scheduler: Served, worker: BareWorker, other: pb.JobSpec
) -> None:
    job = await _failed(scheduler, worker, generic())

    refused = await refusal(scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=job.job_id, spec=other)))

    assert (refused.reason, refused.fields) == ("FIELD_INVALID", ["spec"])
    assert (await _get(scheduler, job)).state == pb.Job.FAILED


async def test_a_bad_spec_is_named_by_its_place_in_the_request(scheduler: Served, worker: BareWorker) -> None:
    job = await _failed(scheduler, worker, generic())
    spec = _spec()
    spec.generic.args.add(number_value=float("nan"))

    refused = await refusal(scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=job.job_id, spec=spec)))

    assert refused.fields == ["spec.generic.args[0]"]


async def test_a_job_that_runs_is_not_retried_with_another_spec(
    scheduler: Served, worker: BareWorker
) -> None:
    job = await scheduler.create()
    worker.fetch()

    refused = await refusal(scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=job.job_id, spec=_spec("a"))))

    assert refused.reason == "JOB_NOT_RETRYABLE"
    assert (await _get(scheduler, job)).spec_revision == 1


async def test_a_deleted_job_is_gone_with_all_that_was_kept_of_it(
    scheduler: Served, worker: BareWorker, client: redis.Redis
) -> None:
    job = await scheduler.create(generic(labels={"team": "red"}))
    lease = worker.fetch()
    worker.keep(lease, "tone")
    worker.succeed(lease)

    await scheduler.jobs.DeleteJob(pb.DeleteJobRequest(job_id=job.job_id))

    refused = await refusal(_get(scheduler, job))
    assert refused.reason == "JOB_NOT_FOUND"
    assert not (await scheduler.jobs.ListJobs(pb.ListJobsRequest())).jobs
    assert list(client.scan_iter(f"*{job.job_id}*")) == []


async def test_a_job_that_is_not_final_is_not_deleted(scheduler: Served) -> None:
    job = await scheduler.create()

    refused = await refusal(scheduler.jobs.DeleteJob(pb.DeleteJobRequest(job_id=job.job_id)))

    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_NOT_DELETABLE")
    assert (await _get(scheduler, job)).state == pb.Job.PENDING


async def test_a_delete_may_be_repeated_if_it_says_so(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    worker.succeed(worker.fetch())
    request = pb.DeleteJobRequest(job_id=job.job_id)
    await scheduler.jobs.DeleteJob(request)

    refused = await refusal(scheduler.jobs.DeleteJob(request))
    request.allow_missing = True
    await scheduler.jobs.DeleteJob(request)

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND")


async def test_another_tenants_job_does_not_exist(valkey: str, client: redis.Redis) -> None:
    everything = credentials("b", *Role)
    async with serving(valkey, auth=True) as served:
        job = await served.jobs.CreateJob(generic(), metadata=credentials("a", Role.SUBMITTER))
        worker = BareWorker(client)
        update = pb.UpdateJobRequest(job=pb.Job(job_id=job.job_id, priority=pb.Job.HIGH))
        waiting = await refusal(served.jobs.UpdateJob(update, metadata=everything))
        worker.finish(worker.fetch(), Fail(BROKEN))

        for call in (
            served.jobs.RetryJob(
                pb.RetryJobRequest(job_id=job.job_id, spec=_spec("mine")), metadata=everything
            ),
            served.jobs.DeleteJob(pb.DeleteJobRequest(job_id=job.job_id), metadata=everything),
            served.jobs.ListAttempts(pb.ListAttemptsRequest(job_id=job.job_id), metadata=everything),
            served.jobs.ListJobLogs(pb.ListJobLogsRequest(job_id=job.job_id), metadata=everything),
        ):
            assert (await refusal(call)).reason == "JOB_NOT_FOUND"

    assert waiting.reason == "JOB_NOT_FOUND"


@pytest.mark.parametrize(
    ("method", "least", "below"),
    [
        ("DeleteJob", Role.OPERATOR, Role.SUBMITTER),
        ("ListAttempts", Role.VIEWER, Role.PAYLOAD_READER),
        ("ListJobLogs", Role.PAYLOAD_READER, Role.ADMIN),
    ],
)
async def test_each_method_asks_for_its_role(
    valkey: str, client: redis.Redis, method: str, least: Role, below: Role
) -> None:
    async with serving(valkey, auth=True) as served:
        job = await served.jobs.CreateJob(generic(), metadata=credentials("a", Role.SUBMITTER))
        worker = BareWorker(client)
        worker.succeed(worker.fetch())
        call, request = getattr(served.jobs, method), getattr(pb, f"{method}Request")(job_id=job.job_id)

        refused = await refusal(call(request, metadata=credentials("a", below)))
        await call(request, metadata=credentials("a", least))

    assert refused.reason == "PERMISSION_MISSING"
