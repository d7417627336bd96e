"""Which view on a debate a result is, and how it was made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Dimension(StrEnum):
    """One of the six views on a debate, in the order in which they are made."""

    TONE = "tone"
    TOPICS = "topics"
    ARGUMENTS = "arguments"
    LINGUISTICS = "linguistics"
    INTERACTION = "interaction"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a dimension was made."""

    #: None for what is not one of the six, such as the reading of a reflection.
    dimension: Dimension | None
    engine: str
    engine_version: str
    method: str
    input_sha256: str
    model: str = ""
    prompt_sha256: str = ""
    #: Another engine was wanted; `degraded_reason` says why it was not used.
    degraded: bool = False
    degraded_reason: str = ""
    #: Unix milliseconds; None where the bytes must depend on the input alone.
    created_ms: int | None = None
