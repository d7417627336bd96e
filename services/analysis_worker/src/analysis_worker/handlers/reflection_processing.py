"""REFLECTION_PROCESSING: a reading of what a participant wrote about a debate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from analysis_worker.domain.provenance import DegradedReason, PassedOver
from analysis_worker.domain.reflection import ReflectionAnalysis
from analysis_worker.runtime.context import JobContext
from analysis_worker.runtime.registry import handles
from analysis_worker.transcript import in_child
from analysis_worker.transcript.by_model import Wish, asked
from analysis_worker.transcript.screening import Screen
from analysis_worker.transcript.sending import kept_map
from analysis_worker.wire.reflection import reflection_to_pb
from bothsides.jobs import v1 as pb

if TYPE_CHECKING:
    from analysis_worker.engines.openai.asking import Client
    from analysis_worker.engines.openai.in_turn import Models
    from analysis_worker.engines.openai.reflections.reading import ReflectionFound


@handles("REFLECTION_PROCESSING")
async def read_reflection(spec: pb.ReflectionProcessingSpec, context: JobContext) -> pb.JobResult:
    """Read the reflection that `spec` carries, together with its debate if one is named.

    Raises:
        AttemptFailed: What was written is to be refused; or as the conversation source and the child
            processes raise it, and as the job wishes it where no model answers.
    """
    conversation: bytes | None = None
    if spec.conversation_id:
        context.progress(0.0, "Fetching the transcript")
        conversation = await context.conversations.load(context.tenant, spec.conversation_id)
    context.progress(0.2, "Reading the reflection")
    screen = Screen(context.screening, spec.content_filter)
    safety, place = await context.run_in_child(in_child.reflection_safety, spec.text, conversation)
    screen.receive(safety, reflection=place)
    reading = await context.run_in_child(
        in_child.reflection, spec.text, conversation, spec.participant_id or None
    )
    wish = Wish.of(spec)
    if wish is not None:
        reading = await _by_model(reading, spec, conversation, context, wish, screen)
    result = reflection_to_pb(replace(reading, safety=screen.safety))
    screen.mask(result)
    return pb.JobResult(reflection=result)


async def _by_model(
    local: ReflectionAnalysis,
    spec: pb.ReflectionProcessingSpec,
    conversation: bytes | None,
    context: JobContext,
    wish: Wish,
    screen: Screen,
) -> ReflectionAnalysis:
    """Return the reading as a model has it, or the local one with the reason why it has to do."""
    if context.models is None:
        return _degraded(local, DegradedReason.NO_KEY) if wish.expressly else local
    from analysis_worker.engines.openai.reflections.reading import find_in_reflection

    secret = context.models.secret
    written = await context.run_in_child(
        in_child.written_reflection,
        spec.text,
        conversation,
        spec.participant_id or None,
        secret,
        await kept_map(context, spec.conversation_id),
    )
    context.progress(0.4, "Waiting for the model")
    passed_over: list[PassedOver] = []

    async def ask(client: Client, models: Models) -> ReflectionFound:
        sent = replace(written, debate=await screen.sent(client, written.debate))
        return await screen.words(client, None, await find_in_reflection(client, models, sent))

    match await asked(context, wish, ask, passed_over):
        case None:
            return local
        case DegradedReason() as reason:
            made = _degraded(local, reason)
        case found:
            made = await context.run_in_child(in_child.reflection_by_model, local, written, found)
    return replace(made, provenance=replace(made.provenance, passed_over=tuple(passed_over)))


def _degraded(local: ReflectionAnalysis, reason: DegradedReason) -> ReflectionAnalysis:
    return replace(local, provenance=replace(local.provenance, degraded_reason=reason))
