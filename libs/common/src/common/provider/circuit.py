"""How a model at its provider stands: its circuit, what is left of its limits, what is under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from common.provider.limits import ProviderLimits


class CircuitState(StrEnum):
    """What a circuit lets through."""

    #: All calls.
    CLOSED = "CLOSED"
    #: None, until its time or until the key changes.
    OPEN = "OPEN"
    #: One, to see.
    PROBING = "PROBING"
    #: A few, then more.
    RAMPING = "RAMPING"


@dataclass(frozen=True, slots=True)
class Circuit:
    """One circuit at one moment."""

    state: CircuitState = CircuitState.CLOSED
    #: The error class that opened it; "" while it is closed.
    reason: str = ""
    #: When it was opened, and when it lets a probe through; None: when there is another key, or it is closed.
    opened_ms: int | None = None
    until_ms: int | None = None
    #: Failures in a row that count.
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Left:
    """One limit that binds, and what is left of it now."""

    limit: int
    period_ms: int
    left: float


@dataclass(frozen=True, slots=True)
class ProviderReport:
    """One model at its provider at one moment."""

    provider: str
    model: str
    limits: ProviderLimits = field(default_factory=ProviderLimits)
    circuit: Circuit = field(default_factory=Circuit)
    #: By dimension, see limits.DIMENSIONS. The operator's or the provider's own, whichever lets less through.
    left: Mapping[str, Left] = field(default_factory=lambda: MappingProxyType({}))
    #: No call goes before this, as the provider asked (Unix ms); 0: none.
    pause_until_ms: int = 0
    in_flight: int = 0
    may_fly: int = 0
    waiting: int = 0
    #: Mean time of a call, the last ones counting most; None before the first.
    latency_ms: float | None = None
    granted: int = 0
    refused: int = 0
    failed: int = 0
    lapsed: int = 0
    reused: int = 0
    answers: int = 0
    answer_bytes: int = 0
    read_ms: int = 0
