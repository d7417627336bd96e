"""One figure of the evaluation, and how sure it is."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

T = TypeVar("T")
#: Resamples of an interval; enough for two digits.
RESAMPLES: Final = 500
_SEED: Final = 20_261_125
_TAIL: Final = 0.025


@dataclass(frozen=True, slots=True)
class Row:
    """A figure beside its bar.

    `low` and `high` bound 95 % of the resamples; None where nothing can be resampled. `floor` and `aim` are
    what is wanted, `at_most` says that less is better. A row without a value was not measured: `note` says
    why.
    """

    name: str
    value: float | None
    n: int = 0
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    aim: float | None = None
    at_most: bool = False
    #: What others published, with its source.
    reference: str = ""
    note: str = ""

    @property
    def missed(self) -> bool:
        """The figure was measured, and is on the wrong side of its floor."""
        if self.value is None or self.floor is None:
            return False
        return self.value > self.floor if self.at_most else self.value < self.floor


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture for the page: its title and an SVG element."""

    title: str
    svg: str


@dataclass(frozen=True, slots=True)
class Part:
    """What one module of the evaluation found."""

    title: str
    rows: tuple[Row, ...]
    plots: tuple[Plot, ...] = field(default=())


def interval(units: Sequence[T], statistic: Callable[[Sequence[T]], float]) -> tuple[float, float]:
    """Return the 95 % percentile interval of a statistic over units drawn anew (Efron 1979).

    Units are what is independent: a debate, not its sentences.

    Raises:
        ValueError: There are no units.
    """
    if not units:
        raise ValueError("units: there is nothing to resample")
    draw = random.Random(_SEED)
    values = sorted(statistic(draw.choices(units, k=len(units))) for _ in range(RESAMPLES))
    return values[int(_TAIL * RESAMPLES)], values[int((1 - _TAIL) * RESAMPLES) - 1]


def not_measured(name: str, why: str, floor: float | None = None, *, at_most: bool = False) -> Row:
    """Return the row of a figure that could not be taken."""
    return Row(name, None, floor=floor, at_most=at_most, note=f"not measured: {why}")
