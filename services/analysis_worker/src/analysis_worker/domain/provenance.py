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


class DegradedReason(StrEnum):
    """Why another engine than the one wanted made a dimension."""

    #: The provider failed too often lately to be asked.
    CIRCUIT_OPEN = "circuit_open"
    #: The account has nothing left to pay with.
    QUOTA = "quota"
    #: The provider took no more calls in time.
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    #: The provider would not have the text.
    CONTENT_FILTER = "content_filter"
    #: The model would not answer.
    REFUSAL = "refusal"
    NO_KEY = "no_key"
    #: The job's or the tenant's budget is spent.
    BUDGET = "budget"
    #: Too much of the answer did not stand up to verification.
    INVALID_OUTPUT = "invalid_output"
    #: Something that must not leave the process was still in the payload.
    PRIVACY = "privacy"
    #: The provider failed, could not be reached, or has no such model.
    UNAVAILABLE = "unavailable"
    #: The operator lets no text of the tenant leave the process.
    OUTBOUND_FORBIDDEN = "outbound_forbidden"


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A model that was wanted before the one that answered, and why it gave nothing."""

    model: str
    reason: DegradedReason


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """A prompt that a model was told; its changelog says what another version says otherwise."""

    name: str
    version: int


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
    #: Why the engine that was wanted did not make it; None if it did.
    degraded_reason: DegradedReason | None = None
    #: Unix milliseconds; None where the bytes must depend on the input alone.
    created_ms: int | None = None
    #: In the order in which they were wanted; all of them where the dimension is degraded.
    passed_over: tuple[PassedOver, ...] = ()
    prompts: tuple[PromptVersion, ...] = ()

    @property
    def degraded(self) -> bool:
        """Tell whether another engine was wanted."""
        return self.degraded_reason is not None
