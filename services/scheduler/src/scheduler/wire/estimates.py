"""An estimate of a job on the wire."""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from scheduler.estimating import JobEstimate
from scheduler.model_rules import Plan
from scheduler.wire.times import instant_to_pb


def estimate_to_pb(estimate: JobEstimate, plan: Plan | None) -> pb.JobEstimate:
    cost = estimate.cost
    message = pb.JobEstimate(
        sample_count=cost.samples,
        cost_micro_usd_p50=cost.cost_p50,
        cost_micro_usd_max=cost.cost_max,
        input_tokens_p50=cost.input_tokens_p50,
        output_tokens_p50=cost.output_tokens_p50,
    )
    if plan is not None:
        message.planned_cost_micro_usd = plan.cost
        message.least_max_cost_micro_usd = plan.least
        message.sure_max_cost_micro_usd = plan.most or 0
    if estimate.start is not None:
        message.start_time_p50.CopyFrom(instant_to_pb(estimate.start.p50_ms))
        message.start_time_p90.CopyFrom(instant_to_pb(estimate.start.p90_ms))
    return message
