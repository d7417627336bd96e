"""REFLECTION_PROCESSING: a reading of what a participant wrote about a debate."""

from __future__ import annotations

from analysis_worker.runtime.context import JobContext
from analysis_worker.runtime.registry import handles
from analysis_worker.transcript import in_child
from analysis_worker.wire.analysis import reflection_to_pb
from bothsides.jobs import v1 as pb


@handles("REFLECTION_PROCESSING")
async def read_reflection(spec: pb.ReflectionProcessingSpec, context: JobContext) -> pb.JobResult:
    """Read the reflection that `spec` carries, together with its debate if one is named.

    Raises:
        AttemptFailed: As the conversation source and the child processes raise it.
    """
    conversation: bytes | None = None
    if spec.conversation_id:
        context.progress(0.0, "Fetching the transcript")
        conversation = await context.conversations.load(context.tenant, spec.conversation_id)
    context.progress(0.2, "Reading the reflection")
    reading = await context.run_in_child(
        in_child.reflection, spec.text, conversation, spec.participant_id or None
    )
    return pb.JobResult(reflection=reflection_to_pb(reading))
