"""Runs an analysis on child processes, and tells what is done as it is done.

One conversation holds one child, so that it is prepared once; a second one only if nobody else wants it.
Where models are asked, it holds none.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from analysis_worker.domain.result import Dimension
from analysis_worker.runtime.context import JobContext
from analysis_worker.transcript.by_model import Wish
from analysis_worker.transcript.made import Made
from analysis_worker.transcript.plan import Pace, steps_for
from analysis_worker.transcript.run import Run
from analysis_worker.transcript.screening import Screen
from analysis_worker.transcript.stopping import stop
from bothsides.jobs import v1 as pb

#: Children that one analysis uses at most.
LANES: Final = 2


async def analyse(
    conversation_id: str,
    conversation: bytes,
    dimensions: Collection[Dimension],
    *,
    include_detailed: bool,
    context: JobContext,
    pace: Pace,
    wish: Wish | None = None,
    content_filter: pb.ContentFilter | None = None,
) -> pb.DebateAnalysis:
    """Analyse a serialized conversation; without a model, equal input gives equal bytes.

    Each finished dimension is published as a part named after it, such as "tone".

    Args:
        wish: What is wanted of models; None for the local engine alone.
        content_filter: Stricter actions on hostile content than the worker's own; None for these.

    Raises:
        AttemptFailed: What is in the conversation is to be refused; or as the children raise it.
    """
    context.progress(0.0, "Waiting for a free processor")
    screen = Screen(context.screening, content_filter or pb.ContentFilter())
    made = Made(conversation_id, conversation, screen, context.part, include_detailed=include_detailed)
    run = Run(conversation_id, conversation, steps_for(dimensions), context, pace, wish, screen, made)
    try:
        with pace.under_way(len(conversation)):
            if run.asks:
                await run.on([run.turns.later for _ in range(LANES)])
            else:
                async with context.hold_children(LANES) as lanes:
                    await run.on(lanes)
            await run.with_models()
        return made.analysis()
    finally:
        await stop(run.asked.values())
