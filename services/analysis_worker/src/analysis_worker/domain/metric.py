"""Numbers that say what they rest on, and pointers into the text that support a judgement.

`Metric` and `Evidence` refuse values that would mislead: NaN, a confidence above 1, a missing value without a
reason, an interval that leaves its value out, a quote that is not as long as its span.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from analysis_worker.domain.unshown import Unshown

#: Floats in results are rounded to this many decimals, because numerical libraries move the last bits.
DECIMALS: Final = 4
#: Longest quote, in code points; a longer sentence is quoted from its beginning.
MAX_QUOTE: Final = 400


class Basis(StrEnum):
    """Where a number comes from."""

    TIMESTAMPS = "timestamps"
    TEXT = "text"
    ANNOTATION = "annotation"
    MODEL = "model"
    LLM = "llm"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Metric:
    """A number with its unit, the size of its sample, a confidence and a basis."""

    #: None means not computable; `note` then says why. Never 0 by default.
    value: float | None
    unit: str
    #: How many items the value rests on.
    sample_size: int
    #: 0 to 1.
    confidence: float
    basis: Basis
    note: str = ""
    #: The 95 % confidence interval (low, high), where the value is an estimate from a sample; see `interval`.
    ci95: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError("Metric.value is not finite; use None and a note")
        if self.value is None and not self.note:
            raise ValueError("Metric.note must say why there is no value")
        if (self.value is None) != (self.basis is Basis.NONE):
            raise ValueError("Metric.basis is none where there is no value, and nowhere else")
        if self.ci95 is not None and (self.value is None or not self.ci95[0] <= self.value <= self.ci95[1]):
            raise ValueError("Metric.ci95 does not hold the value")
        if not 0 <= self.confidence <= 1:
            raise ValueError("Metric.confidence lies outside 0..1")
        if self.sample_size < 0:
            raise ValueError("Metric.sample_size is negative")


@dataclass(frozen=True, slots=True, repr=False)
class Evidence(Unshown):
    """A span of an original turn, in code points, and the text that stands there."""

    turn_id: str
    start: int
    #: Exclusive.
    end: int
    quote: str = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError("Evidence.start and .end are no span")
        if len(self.quote) != self.end - self.start:
            raise ValueError("Evidence.quote is not as long as its span")

    def __reduce__(self) -> tuple[Any, ...]:
        # A dataclass with slots looks for its fields each time, which takes three times as long.
        return Evidence, (self.turn_id, self.start, self.end, self.quote)


def rounded(value: float) -> float:
    """Round to `DECIMALS`, and turn -0.0 into 0.0 so that equal results have equal bytes."""
    return round(float(value), DECIMALS) + 0.0


def measured(
    value: float,
    unit: str,
    sample_size: int,
    confidence: float,
    *,
    basis: Basis = Basis.TEXT,
    note: str = "",
    ci95: tuple[float, float] | None = None,
) -> Metric:
    """Return a metric that has a value, rounded."""
    value = rounded(value)
    if ci95 is not None:
        ci95 = min(rounded(ci95[0]), value), max(rounded(ci95[1]), value)
    return Metric(value, unit, sample_size, rounded(confidence), basis, note, ci95)


def unknown(unit: str, note: str, *, sample_size: int = 0) -> Metric:
    """Return a metric that could not be computed, and why."""
    return Metric(None, unit, sample_size, 0.0, Basis.NONE, note)


def shrunk(ceiling: float, sample_size: int, half: int) -> float:
    """Return a confidence that grows with the sample: half of `ceiling` at `half` items, all of it never.

    The ceiling is what the method deserves with all the data in the world; each caller names it and says why.
    """
    return ceiling * sample_size / (sample_size + half)


def quote(turn_id: str, text: str, start: int, end: int) -> Evidence:
    """Return evidence for `text[start:end]`, copied here and cut at `MAX_QUOTE`."""
    end = min(end, start + MAX_QUOTE)
    return Evidence(turn_id, start, end, text[start:end])
