"""LEARNING_INSIGHTS: how a participant's debating develops over the conversations that were analysed."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from analysis_worker.domain.insights import LearningInsights
from analysis_worker.domain.provenance import DegradedReason, PassedOver
from analysis_worker.insights import in_child
from analysis_worker.insights.reading import read
from analysis_worker.runtime.context import JobContext
from analysis_worker.runtime.registry import handles
from analysis_worker.sources.port import CONVERSATION_NOT_FOUND, erased_meanwhile
from analysis_worker.transcript.by_model import Wish, asked
from analysis_worker.transcript.screening import Screen
from analysis_worker.wire.insights import insights_to_pb
from bothsides.jobs import v1 as pb
from common.job.failure import AttemptFailed

if TYPE_CHECKING:
    from analysis_worker.engines.openai.asking import Client
    from analysis_worker.engines.openai.in_turn import Models
    from analysis_worker.engines.openai.insights.telling import Told

_log = logging.getLogger(__name__)


@handles("LEARNING_INSIGHTS")
async def follow_learning(spec: pb.LearningInsightsSpec, context: JobContext) -> pb.JobResult:
    """Follow a participant over the kept analyses, and keep what is found.

    Raises:
        AttemptFailed: As `read`, the child processes and the sink raise it, and as the job wishes it where no
            model answers.
    """
    found = await read(spec, context)
    context.progress(0.5, "Comparing the conversations")
    insights = await context.run_in_child(
        in_child.insights, spec.participant_id, found.own, found.others, found.sha256
    )
    rests_on = [conversation_id for conversation_id, held in found.own if held is not None]
    context.rests_on(rests_on)
    wish = Wish.of(spec)
    if wish is not None:
        insights = await _in_words(insights, context, wish, Screen(context.screening, spec.content_filter))
    message = insights_to_pb(insights)
    context.progress(0.9, "Keeping the result")
    kept = await context.insights.keep_insights(
        context.tenant,
        spec.participant_id,
        message.SerializeToString(deterministic=True),
        rests_on=rests_on,
        job_id=context.job_id,
        attempt=context.attempt,
    )
    if not kept:
        # This attempt's lease is lost: how it ends is refused just like its write.
        _log.warning("a later attempt has kept its result: this one is dropped")
    return pb.JobResult(insights=message)


async def _in_words(
    local: LearningInsights, context: JobContext, wish: Wish, screen: Screen
) -> LearningInsights:
    """Return insights with a model's narrative, or the template's with the reason why it has to do."""
    if context.models is None:
        return _degraded(local, DegradedReason.NO_KEY) if wish.expressly else local
    from analysis_worker.engines.openai.insights.facts import facts_of
    from analysis_worker.engines.openai.insights.telling import tell, with_words

    facts = facts_of(local)
    if facts is None:
        return local
    context.progress(0.7, "Waiting for the model")
    passed_over: list[PassedOver] = []

    async def ask(client: Client, models: Models) -> Told:
        return await screen.words(client, None, await tell(client, models, facts))

    try:
        outcome = await asked(context, wish, ask, passed_over)
    except AttemptFailed as failure:
        if failure.reason != CONVERSATION_NOT_FOUND:
            raise
        raise erased_meanwhile() from None
    match outcome:
        case None:
            return local
        case DegradedReason() as reason:
            made = _degraded(local, reason)
        case told:
            made = with_words(local, facts, told)
    provenance = replace(made.narrative_provenance, passed_over=tuple(passed_over))
    return replace(made, narrative_provenance=provenance, safety=screen.safety)


def _degraded(local: LearningInsights, reason: DegradedReason) -> LearningInsights:
    return replace(local, narrative_provenance=replace(local.narrative_provenance, degraded_reason=reason))
