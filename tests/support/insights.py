"""Analyses as they are kept, for insights."""

from __future__ import annotations

from typing import Any

from analysis_worker.domain.conversation import Conversation
from analysis_worker.domain.result import DebateAnalysis, Dimension
from analysis_worker.engines.local.engine import LocalEngine
from analysis_worker.wire.analysis import analysis_to_pb
from bothsides.jobs import v1 as pb
from support.analysis import analysed


def analysis_of(conversation: Conversation) -> pb.DebateAnalysis:
    """Return the local engine's whole analysis of a conversation."""
    engine = LocalEngine()
    document = engine.prepare(conversation)
    results: dict[str, Any] = {
        dimension.value: result for dimension, result in analysed(conversation).items()
    }
    made = tuple(engine.provenance(dimension, document) for dimension in Dimension)
    analysis = DebateAnalysis(
        conversation.conversation_id, engine.overview(document), **results, provenance=made
    )
    return analysis_to_pb(analysis, include_detailed=True)
