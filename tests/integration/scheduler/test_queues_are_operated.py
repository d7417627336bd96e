"""QueueService over a real port and a real store: limits, pause, resume, drain."""

from __future__ import annotations

import time

import grpc
import pytest
import redis
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from common.job.outcome import Succeed
from common.store import jobs
from support.rpc import detail
from support.scheduler import BareWorker, Refusal, Served, credentials, generic, reflection, refusal, serving

QUEUE = "data_processing"
Keep = pb.RetentionPolicy.Keep
FAR = Timestamp(seconds=4_000_000_000)


async def _get(scheduler: Served, name: str = QUEUE) -> pb.Queue:
    return await scheduler.queues.GetQueue(pb.GetQueueRequest(name=name))


async def _set(scheduler: Served, *paths: str, etag: str = "", **fields: object) -> pb.Queue:
    request = pb.UpdateQueueRequest(queue=pb.Queue(name=QUEUE, etag=etag, **fields))  # type: ignore[arg-type]
    if paths:
        request.update_mask.CopyFrom(FieldMask(paths=paths))
    return await scheduler.queues.UpdateQueue(request)


async def _refused(scheduler: Served, *paths: str, etag: str = "", **fields: object) -> Refusal:
    return await refusal(_set(scheduler, *paths, etag=etag, **fields))


async def _resume(scheduler: Served, **ramp: int) -> pb.Queue:
    request = pb.ResumeQueueRequest(name=QUEUE)
    if ramp:
        request.ramp_duration.CopyFrom(Duration(**ramp))
    return await scheduler.queues.ResumeQueue(request)


async def test_a_queue_says_what_it_holds(scheduler: Served, worker: BareWorker) -> None:
    for _ in range(3):
        await scheduler.create()
    await scheduler.create(generic(schedule_time=FAR))
    worker.fetch()
    worker.report_in(slots=4)

    queue = await _get(scheduler)

    assert queue.state == pb.Queue.ACTIVE
    assert queue.accepting
    assert (queue.gauges.pending, queue.gauges.running, queue.gauges.scheduled) == (2, 1, 1)
    assert queue.gauges.HasField("oldest_pending_age")
    assert queue.worker_count == 1
    assert not queue.HasField("concurrency")


async def test_queues_are_listed_by_name_page_by_page(scheduler: Served) -> None:
    for name in ("b", "c", "a"):
        spec = pb.JobSpec(generic=pb.GenericSpec(actor="work", queue=name))
        await scheduler.create(pb.CreateJobRequest(job=pb.Job(spec=spec)))

    first = await scheduler.queues.ListQueues(pb.ListQueuesRequest(page_size=2))
    rest = await scheduler.queues.ListQueues(
        pb.ListQueuesRequest(page_size=2, page_token=first.next_page_token)
    )

    assert [queue.name for queue in first.queues] == ["a", "b"]
    assert [queue.name for queue in rest.queues] == ["c"]
    assert rest.next_page_token == ""


async def test_a_queue_that_nobody_named_is_not_found(scheduler: Served) -> None:
    refused = await refusal(scheduler.queues.PauseQueue(pb.PauseQueueRequest(name="nowhere")))

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "QUEUE_NOT_FOUND")


async def test_a_queue_can_be_limited_before_its_first_job(scheduler: Served) -> None:
    request = pb.UpdateQueueRequest(queue=pb.Queue(name="new", concurrency=1))

    missing = await refusal(scheduler.queues.UpdateQueue(request))
    request.allow_missing = True
    made = await scheduler.queues.UpdateQueue(request)

    assert missing.reason == "QUEUE_NOT_FOUND"
    assert made.concurrency == 1
    assert (await _get(scheduler, "new")).concurrency == 1


async def test_all_limits_are_kept_and_returned(scheduler: Served) -> None:
    await scheduler.create()
    limits = pb.TenantLimits(
        weight=2.5, concurrency=3, window=pb.StartWindow(max_starts=7, period=Duration(seconds=60))
    )
    wanted = pb.Queue(
        concurrency=10,
        worker_concurrency=3,
        window=pb.StartWindow(max_starts=10, period=Duration(nanos=250_000_000)),
        max_depth=1_000,
        indexed_labels=["team", "plan"],
        tenant_limits={"acme": limits, "blue": pb.TenantLimits(weight=0.5)},
        retry_budget=pb.RetryBudget(ratio=0.1, min_per_minute=5),
        retention=pb.RetentionPolicy(
            succeeded=Keep(min_jobs=0, min_age=Duration(seconds=60)),
            failed=Keep(min_jobs=1_000),
            expired=Keep(min_age=Duration(seconds=86_400, nanos=1_000_000)),
            max_bytes=2**40,
        ),
    )

    await _set(scheduler, **{field.name: value for field, value in wanted.ListFields()})
    queue = await _get(scheduler)

    for field, value in wanted.ListFields():
        assert getattr(queue, field.name) == value, field.name


async def test_a_limit_on_jobs_at_once_holds_for_the_next_fetch(
    scheduler: Served, worker: BareWorker
) -> None:
    for _ in range(5):
        await scheduler.create()

    await _set(scheduler, concurrency=2)

    assert len(worker.fetch_up_to(5)) == 2


async def test_one_part_of_retention_is_changed_without_touching_the_others(scheduler: Served) -> None:
    await scheduler.create()
    succeeded, failed = Keep(min_jobs=7), Keep(min_age=Duration(seconds=90))
    await _set(scheduler, retention=pb.RetentionPolicy(succeeded=succeeded, max_bytes=2**20))

    await _set(scheduler, "retention.failed", retention=pb.RetentionPolicy(failed=failed))
    queue = await _set(scheduler, "retention.max_bytes")

    assert queue.retention == pb.RetentionPolicy(succeeded=succeeded, failed=failed)
    assert not (await _set(scheduler, "retention")).HasField("retention")


async def test_retention_decides_what_is_kept(scheduler: Served, worker: BareWorker) -> None:
    await scheduler.create()
    await _set(
        scheduler, retention=pb.RetentionPolicy(succeeded=Keep(min_jobs=1, min_age=Duration(seconds=60)))
    )
    first = worker.fetch()
    worker.succeed(first)
    await scheduler.create()
    second = worker.fetch()
    later_ms = time.time_ns() // 1_000_000 + 120_000
    worker.run(jobs.finish(worker.keys, [(second.member, Succeed())], now_ms=later_ms))

    asked = pb.GetJobRequest(job_id=second.job_id)
    gone = await refusal(scheduler.jobs.GetJob(pb.GetJobRequest(job_id=first.job_id)))

    assert gone.reason == "JOB_NOT_FOUND"
    assert (await scheduler.jobs.GetJob(asked)).state == pb.Job.SUCCEEDED


@pytest.mark.parametrize(
    ("retention", "path", "field"),
    [
        (pb.RetentionPolicy(failed=Keep(min_jobs=-1)), "retention", "queue.retention.failed.min_jobs"),
        (
            pb.RetentionPolicy(failed=Keep(min_age=Duration(seconds=59))),
            "retention",
            "queue.retention.failed.min_age",
        ),
        (
            pb.RetentionPolicy(expired=Keep(min_age=Duration(seconds=60, nanos=1))),
            "retention.expired",
            "queue.retention.expired.min_age",
        ),
        (pb.RetentionPolicy(max_bytes=2**20 - 1), "retention", "queue.retention.max_bytes"),
        (pb.RetentionPolicy(max_bytes=2**20), "retention.colour", "update_mask"),
    ],
)
async def test_retention_that_cannot_be_is_refused_by_its_field(
    scheduler: Served, retention: pb.RetentionPolicy, path: str, field: str
) -> None:
    await scheduler.create()

    refused = await _refused(scheduler, path, retention=retention)

    violations = detail(refused.status, error_details_pb2.BadRequest).field_violations
    assert [violation.field for violation in violations] == [field]


async def test_only_the_fields_of_the_mask_change(scheduler: Served) -> None:
    await scheduler.create()
    await _set(scheduler, concurrency=10, max_depth=5, indexed_labels=["team"])

    queue = await _set(scheduler, "concurrency", "indexed_labels", concurrency=4, max_depth=99)

    assert (queue.concurrency, queue.max_depth, list(queue.indexed_labels)) == (4, 5, [])


async def test_a_field_of_the_mask_that_is_not_set_returns_to_its_default(scheduler: Served) -> None:
    await scheduler.create()
    window = pb.StartWindow(max_starts=1, period=Duration(seconds=1))
    await _set(scheduler, concurrency=10, window=window, max_depth=5)

    queue = await _set(scheduler, "*")

    assert not queue.HasField("concurrency")
    assert not queue.HasField("window")
    assert not queue.HasField("max_depth")


async def test_one_tenant_is_limited_without_touching_the_others(scheduler: Served) -> None:
    await scheduler.create()
    await _set(scheduler, tenant_limits={"a": pb.TenantLimits(weight=2), "b.c": pb.TenantLimits(weight=3)})

    await _set(scheduler, "tenant_limits.a", tenant_limits={"a": pb.TenantLimits(weight=5)})
    both = await _set(scheduler, "tenant_limits.`b.c`")
    replaced = await _set(scheduler, tenant_limits={"d": pb.TenantLimits(concurrency=1)})

    assert {name: limits.weight for name, limits in both.tenant_limits.items()} == {"a": 5}
    assert set(replaced.tenant_limits) == {"d"}


async def test_a_mask_that_names_anything_else_is_refused(scheduler: Served) -> None:
    await scheduler.create()

    for path in ("state", "window.period", "concurrency.x", "tenant_limits.", ""):
        refused = await _refused(scheduler, path, concurrency=1)
        assert (refused.reason, refused.fields) == ("FIELD_INVALID", ["update_mask"]), path


async def test_a_path_into_a_tenants_limits_is_no_tenant_of_that_name(scheduler: Served) -> None:
    await scheduler.create()

    limits = {"acme": pb.TenantLimits(weight=2), "b.weight": pb.TenantLimits(weight=3)}
    refused = await _refused(scheduler, "tenant_limits.acme.weight", tenant_limits=limits)
    named = await _set(scheduler, "tenant_limits.`b.weight`", tenant_limits=limits)

    assert refused.fields == ["update_mask"]
    assert "tenant_limits.acme," in refused.status.message
    assert {name: of.weight for name, of in named.tenant_limits.items()} == {"b.weight": 3}


async def test_an_update_without_a_name_is_refused(scheduler: Served) -> None:
    refused = await refusal(
        scheduler.queues.UpdateQueue(pb.UpdateQueueRequest(queue=pb.Queue(concurrency=1)))
    )

    assert refused.fields == ["queue.name"]


async def test_limits_out_of_range_are_refused(scheduler: Served) -> None:
    await scheduler.create()

    assert (await _refused(scheduler, concurrency=0)).fields == ["queue.concurrency"]
    fine = pb.StartWindow(max_starts=1, period=Duration(nanos=10_500_000))
    assert (await _refused(scheduler, window=fine)).fields == ["queue.window.period"]
    short = {"a": pb.TenantLimits(window=pb.StartWindow(max_starts=1, period=Duration(nanos=1)))}
    assert (await _refused(scheduler, tenant_limits=short)).fields == [
        'queue.tenant_limits["a"].window.period'
    ]


async def test_an_etag_protects_a_change_that_was_not_seen(scheduler: Served) -> None:
    await scheduler.create()
    seen = await _get(scheduler)
    changed = await _set(scheduler, concurrency=4, etag=seen.etag)

    refused = await _refused(scheduler, concurrency=9, etag=seen.etag)

    assert changed.etag != seen.etag
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert (await _get(scheduler)).concurrency == 4


async def test_a_paused_queue_accepts_and_starts_nothing_until_it_is_resumed(
    scheduler: Served, worker: BareWorker
) -> None:
    await scheduler.create()

    paused = await scheduler.queues.PauseQueue(pb.PauseQueueRequest(name=QUEUE))
    await scheduler.create()

    assert (paused.state, paused.accepting, paused.HasField("resume_time")) == (pb.Queue.PAUSED, True, False)
    assert worker.fetch_up_to(5) == []
    assert (await _resume(scheduler)).state == pb.Queue.ACTIVE
    assert len(worker.fetch_up_to(5)) == 2


async def test_a_pause_may_name_its_end(scheduler: Served) -> None:
    await scheduler.create()

    paused = await scheduler.queues.PauseQueue(pb.PauseQueueRequest(name=QUEUE, resume_time=FAR))
    past = pb.PauseQueueRequest(name=QUEUE, resume_time=Timestamp(seconds=1))
    refused = await refusal(scheduler.queues.PauseQueue(past))
    resumed = await _resume(scheduler)

    assert (paused.state, paused.resume_time) == (pb.Queue.PAUSED, FAR)
    assert refused.fields == ["resume_time"]
    assert (resumed.state, resumed.HasField("resume_time")) == (pb.Queue.ACTIVE, False)


async def test_a_queue_may_be_resumed_little_by_little(scheduler: Served, worker: BareWorker) -> None:
    for _ in range(5):
        await scheduler.create()
    worker.report_in(slots=10)
    await scheduler.queues.PauseQueue(pb.PauseQueueRequest(name=QUEUE))

    resumed = await _resume(scheduler, seconds=86_400)

    assert resumed.HasField("ramp_end_time")
    assert len(worker.fetch_up_to(5)) == 1


async def test_a_drained_queue_takes_nothing_and_works_off_what_it_has(
    scheduler: Served, worker: BareWorker
) -> None:
    await scheduler.create()

    draining = await scheduler.queues.DrainQueue(pb.DrainQueueRequest(name=QUEUE))
    refused = await refusal(scheduler.create())
    worker.succeed(worker.fetch())
    drained = await _get(scheduler)

    assert (draining.state, draining.accepting) == (pb.Queue.DRAINING, False)
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "QUEUE_DRAINING")
    violation = detail(refused.status, error_details_pb2.PreconditionFailure).violations[0]
    assert violation.subject == f"queues/{QUEUE}"
    assert drained.state == pb.Queue.DRAINED
    assert (await _resume(scheduler)).accepting
    await scheduler.create()


async def test_one_queue_that_drains_costs_only_its_own_items_of_a_bulk_create(scheduler: Served) -> None:
    await scheduler.create()
    await scheduler.queues.DrainQueue(pb.DrainQueueRequest(name=QUEUE))

    response = await scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=[generic(), reflection()]))

    assert [item.WhichOneof("outcome") for item in response.items] == ["error", "job"]


@pytest.mark.parametrize(
    ("method", "least"),
    [("GetQueue", Role.VIEWER), ("PauseQueue", Role.OPERATOR), ("UpdateQueue", Role.ADMIN)],
)
async def test_each_method_asks_for_its_role(
    valkey: str, client: redis.Redis, method: str, least: Role
) -> None:
    below = {Role.VIEWER: Role.PAYLOAD_READER, Role.OPERATOR: Role.SUBMITTER, Role.ADMIN: Role.OPERATOR}
    requests = {
        "GetQueue": pb.GetQueueRequest(name=QUEUE),
        "PauseQueue": pb.PauseQueueRequest(name=QUEUE),
        "UpdateQueue": pb.UpdateQueueRequest(queue=pb.Queue(name=QUEUE, concurrency=1)),
    }
    async with serving(valkey, auth=True) as served:
        await served.jobs.CreateJob(generic(), metadata=credentials("a", Role.SUBMITTER))
        call = getattr(served.queues, method)

        refused = await refusal(call(requests[method], metadata=credentials("a", below[least])))
        assert (await call(requests[method], metadata=credentials("a", least))).name == QUEUE

    assert refused.reason == "PERMISSION_MISSING"


async def test_who_else_uses_a_queue_is_for_operators(valkey: str) -> None:
    limits = {"a": pb.TenantLimits(weight=2), "b": pb.TenantLimits(weight=3)}
    request = pb.UpdateQueueRequest(queue=pb.Queue(name=QUEUE, tenant_limits=limits), allow_missing=True)
    get = pb.GetQueueRequest(name=QUEUE)
    async with serving(valkey, auth=True) as served:
        await served.queues.UpdateQueue(request, metadata=credentials("x", Role.ADMIN))

        viewer = await served.queues.GetQueue(get, metadata=credentials("a", Role.VIEWER))
        operator = await served.queues.GetQueue(get, metadata=credentials("a", Role.OPERATOR))

    assert set(viewer.tenant_limits) == {"a"}
    assert set(operator.tenant_limits) == {"a", "b"}
