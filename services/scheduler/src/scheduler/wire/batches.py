"""A batch on the wire: what a caller says of it, and what is told of it."""

from __future__ import annotations

from typing import Final

from bothsides.jobs import v1 as pb
from common.job.batch import DEFAULT_KEEP_MS, DEFAULT_TOLERANCE, BatchState, FailurePolicy, Halt, Terms
from common.job.digest import request_digest
from common.job.model import NO_LABELS, PaidUsage
from common.provider.budget import SpentPolicy
from scheduler.batch.book import Asked, Shown
from scheduler.batch.estimating import BatchEstimate
from scheduler.batch.watch import BatchUpdate
from scheduler.wire.jobs import paid_to_pb
from scheduler.wire.times import duration_from_pb, duration_to_pb, instant_to_pb

_STATES: Final = {state: pb.Batch.State.Value(state.value) for state in BatchState}
_REASONS: Final = {Halt.CALLER: pb.Batch.CANCEL, Halt.FAILURES: pb.Batch.FAILURES}


def terms_from_pb(batch: pb.Batch) -> Terms:
    """Return what a caller says of a batch; it has passed validation."""
    policy = batch.failure_policy
    failures = FailurePolicy(
        policy.tolerated_fraction if policy.HasField("tolerated_fraction") else DEFAULT_TOLERANCE,
        policy.tolerated_count if policy.HasField("tolerated_count") else None,
        policy.action != pb.BatchFailurePolicy.CONTINUE,
    )
    if policy.HasField("tolerated_count") and not policy.HasField("tolerated_fraction"):
        failures = FailurePolicy(1.0, failures.most_failed, failures.stops)
    spent = batch.spent_policy or pb.Budget.HOLD
    kept = batch.HasField("retention")
    return Terms(
        display_name=batch.display_name,
        labels=dict(batch.labels) if batch.labels else NO_LABELS,
        parallel=batch.parallel_limit,
        failures=failures,
        max_cost_micro_usd=batch.max_cost_micro_usd,
        when_spent=SpentPolicy(pb.Budget.SpentPolicy.Name(spent)),
        keep_ms=duration_from_pb(batch.retention, "batch.retention") if kept else DEFAULT_KEEP_MS,
    )


def asked_from_pb(request: pb.CreateBatchRequest | pb.AddBatchMembersRequest) -> Asked:
    """Return what makes a request safe to repeat."""
    if not request.request_id:
        return Asked()
    body = type(request).FromString(request.SerializeToString())
    body.ClearField("request_id")
    return Asked(request.request_id, request_digest(body.SerializeToString(deterministic=True)))


def batch_to_pb(shown: Shown) -> pb.Batch:
    """Return a batch as it is."""
    batch = shown.batch
    counts = batch.counts
    message = terms_to_pb(batch.terms)
    message.batch_id = batch.batch_id
    message.open = batch.is_open
    message.state = _STATES[batch.state]
    if batch.halt is not None:
        message.stop_reason = _REASONS[batch.halt]
    message.tenant = batch.tenant
    message.member_count = batch.total
    message.counts.CopyFrom(
        pb.BatchCounts(
            unsubmitted_count=counts.unsubmitted,
            waiting_count=counts.live - shown.running + counts.retrying,
            running_count=shown.running,
            succeeded_count=counts.succeeded,
            failed_count=counts.failed,
            cancelled_count=counts.cancelled,
            expired_count=counts.expired,
        )
    )
    message.fraction = batch.fraction
    if batch.paid != PaidUsage():
        message.paid_usage.CopyFrom(paid_to_pb(batch.paid))
    message.submit_blocker = batch.held
    message.queues.extend(batch.queues)
    message.create_time.CopyFrom(instant_to_pb(batch.created_ms))
    message.update_time.CopyFrom(instant_to_pb(batch.updated_ms))
    estimated_end_ms = batch.estimated_end_ms
    if estimated_end_ms is not None:
        message.estimated_end_time.CopyFrom(instant_to_pb(estimated_end_ms))
    if batch.ended_ms is not None:
        message.end_time.CopyFrom(instant_to_pb(batch.ended_ms))
        message.delete_time.CopyFrom(instant_to_pb(batch.ended_ms + batch.terms.keep_ms))
    return message


def terms_to_pb(terms: Terms) -> pb.Batch:
    """Return a batch of which nothing is known but what its caller says."""
    policy = terms.failures
    message = pb.Batch(
        display_name=terms.display_name,
        labels=terms.labels,
        parallel_limit=terms.parallel,
        failure_policy=pb.BatchFailurePolicy(
            tolerated_fraction=policy.tolerance,
            tolerated_count=policy.most_failed,
            action=pb.BatchFailurePolicy.STOP if policy.stops else pb.BatchFailurePolicy.CONTINUE,
        ),
        max_cost_micro_usd=terms.max_cost_micro_usd,
        retention=duration_to_pb(terms.keep_ms),
    )
    if terms.max_cost_micro_usd:
        message.spent_policy = pb.Budget.SpentPolicy.Value(terms.when_spent.value)
    return message


def judged_to_pb(terms: Terms, members: int, estimate: BatchEstimate) -> pb.Batch:
    """Return a batch that was only validated."""
    message = terms_to_pb(terms)
    message.member_count = members
    message.counts.unsubmitted_count = members
    message.estimate.CopyFrom(
        pb.BatchEstimate(
            planned_cost_micro_usd=estimate.planned,
            planned_member_count=estimate.planned_members,
            sample_count=estimate.samples,
            cost_micro_usd_p50=estimate.cost_p50,
            cost_micro_usd_max=estimate.cost_max,
        )
    )
    if estimate.start_ms is not None:
        message.estimate.start_time_p50.CopyFrom(instant_to_pb(estimate.start_ms))
    return message


def update_to_pb(update: BatchUpdate) -> pb.WatchBatchResponse:
    """Return a message of a watch."""
    message = pb.WatchBatchResponse(resume_token=update.resume_token, event_time=instant_to_pb(update.at_ms))
    if update.shown is None:
        message.heartbeat.SetInParent()
    else:
        message.snapshot.CopyFrom(batch_to_pb(update.shown))
    return message
