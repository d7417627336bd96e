"""What a spec says of models, to ModelWish."""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from scheduler.model_rules import ModelWish


def wish_of(spec: pb.JobSpec, field: str = "job.spec") -> ModelWish | None:
    """Return what a job wants of models by name; None if it names nothing.

    Args:
        field: Path of the spec in its request.
    """
    asked: pb.TranscriptAnalysisSpec | pb.ReflectionProcessingSpec
    match spec.WhichOneof("kind"):
        case "transcript_analysis":
            asked = spec.transcript_analysis
        case "reflection_processing":
            asked = spec.reflection_processing
        case _:
            return None
    if not asked.models:
        return None
    return ModelWish(f"{field}.{spec.WhichOneof('kind')}", tuple(asked.models), asked.language_model)
