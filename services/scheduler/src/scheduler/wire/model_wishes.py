"""What a spec says of models, to ModelWish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from bothsides.jobs import v1 as pb
from common.provider.planning import INSIGHTS_TOKENS
from scheduler.model_rules import ModelWish

_Spec = pb.TranscriptAnalysisSpec
#: How often a model is asked about the whole debate for a dimension.
PASSES: Final[Mapping[pb.Dimension.ValueType, int]] = MappingProxyType(
    {
        pb.DIMENSION_TONE: 1,
        pb.DIMENSION_TOPICS: 1,
        pb.DIMENSION_ARGUMENTS: 1,
        pb.DIMENSION_QUALITY: 2,
    }
)
#: The same for a reflection.
REFLECTION_PASSES: Final = 2


def wish_of(spec: pb.JobSpec, field: str = "job.spec", *, unsaid: bool = False) -> ModelWish | None:
    """Return what a job wants of models; None if it says nothing of them, or asks none.

    Args:
        field: Path of the spec in its request.
        unsaid: Return it also of a job that says nothing, but will ask the workers' own choice.
    """
    asked: pb.TranscriptAnalysisSpec | pb.ReflectionProcessingSpec | pb.LearningInsightsSpec
    kind = spec.WhichOneof("kind")
    if kind == "transcript_analysis":
        asked = spec.transcript_analysis
    elif kind == "reflection_processing":
        asked = spec.reflection_processing
    elif kind == "learning_insights":
        asked = spec.learning_insights
    else:
        return None
    if not (unsaid or asked.models or asked.max_cost_micro_usd) or asked.engine == _Spec.LOCAL:
        return None
    wish = ModelWish(
        f"{field}.{kind}",
        1,
        tuple(asked.models),
        asked.language_model,
        asked.on_unavailable == _Spec.WAIT,
        asked.max_cost_micro_usd,
    )
    match asked:
        case pb.TranscriptAnalysisSpec():
            passes = sum(PASSES.get(dimension, 0) for dimension in asked.dimensions or PASSES)
            return replace(wish, passes=passes, conversation_id=asked.conversation_id)
        case pb.ReflectionProcessingSpec():
            return replace(
                wish,
                passes=REFLECTION_PASSES,
                conversation_id=asked.conversation_id,
                text=asked.text,
            )
    return replace(wish, tokens=INSIGHTS_TOKENS)
