"""TRANSCRIPT_ANALYSIS: six views on one debate; the result is kept with the conversation."""

from __future__ import annotations

import logging
from typing import Final

from analysis_worker.runtime.context import JobContext
from analysis_worker.runtime.registry import handles
from analysis_worker.transcript.analysis import analyse
from analysis_worker.transcript.by_model import Wish
from analysis_worker.transcript.plan import MADE, Pace
from analysis_worker.wire.metric import dimension_from_pb
from bothsides.jobs import v1 as pb

_log = logging.getLogger(__name__)
#: What the analyses of this process have taken.
_pace: Final = Pace()


@handles("TRANSCRIPT_ANALYSIS")
async def analyse_transcript(spec: pb.TranscriptAnalysisSpec, context: JobContext) -> pb.JobResult:
    """Analyse the conversation that `spec` names, dimension by dimension.

    Raises:
        AttemptFailed: As the conversation source, the child processes and the sink raise it; TRANSIENT if
            a later attempt of the job has kept its result already.
    """
    context.progress(0.0, "Fetching the transcript")
    conversation = await context.conversations.load(context.tenant, spec.conversation_id)
    analysis = await analyse(
        spec.conversation_id,
        conversation,
        [dimension_from_pb(wanted) for wanted in spec.dimensions],
        include_detailed=spec.include_detailed,
        context=context,
        pace=_pace,
        wish=Wish.of(spec),
        content_filter=spec.content_filter,
    )
    context.progress(MADE, "Keeping the result")
    kept = await context.analyses.keep(
        context.tenant,
        spec.conversation_id,
        analysis.SerializeToString(deterministic=True),
        job_id=context.job_id,
        attempt=context.attempt,
    )
    if not kept:
        # This attempt's lease is lost: how it ends is refused just like its write.
        _log.warning("a later attempt has kept its result: this one is dropped")
    return pb.JobResult(analysis=analysis)
