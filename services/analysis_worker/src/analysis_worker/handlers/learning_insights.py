"""LEARNING_INSIGHTS: how a participant's debating develops over the conversations that were analysed."""

from __future__ import annotations

import logging

from analysis_worker.insights import in_child
from analysis_worker.insights.reading import read
from analysis_worker.runtime.context import JobContext
from analysis_worker.runtime.registry import handles
from analysis_worker.wire.insights import insights_to_pb
from bothsides.jobs import v1 as pb

_log = logging.getLogger(__name__)


@handles("LEARNING_INSIGHTS")
async def follow_learning(spec: pb.LearningInsightsSpec, context: JobContext) -> pb.JobResult:
    """Follow a participant over the kept analyses, and keep what is found.

    Raises:
        AttemptFailed: As `read`, the child processes and the sink raise it.
    """
    found = await read(spec, context)
    context.progress(0.5, "Comparing the conversations")
    insights = await context.run_in_child(
        in_child.insights, spec.participant_id, found.own, found.others, found.sha256
    )
    message = insights_to_pb(insights)
    context.progress(0.9, "Keeping the result")
    kept = await context.insights.keep_insights(
        context.tenant,
        spec.participant_id,
        message.SerializeToString(deterministic=True),
        job_id=context.job_id,
        attempt=context.attempt,
    )
    if not kept:
        # This attempt's lease is lost: how it ends is refused just like its write.
        _log.warning("a later attempt has kept its result: this one is dropped")
    return pb.JobResult(insights=message)
