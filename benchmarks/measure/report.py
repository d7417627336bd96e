"""Figures of systems that were measured in turn, and how they are printed. Nothing here judges."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: a figure, and what it took of the processors."""

    value: float
    #: Processor time by process, in µs for each job or call.
    cpu_us: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Row:
    """One system, or one figure of it, over all rounds."""

    name: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def values(self) -> list[float]:
        return [sample.value for sample in self.samples]

    def cpu_us(self) -> dict[str, float]:
        """Return the median processor time by process."""
        names = list(self.samples[0].cpu_us) if self.samples else []
        return {name: statistics.median(sample.cpu_us[name] for sample in self.samples) for name in names}


@dataclass(frozen=True, slots=True)
class Ratio:
    """One row over another, round by round, and what it is meant to reach."""

    name: str
    over: Row
    under: Row
    bar: str

    @property
    def values(self) -> list[float]:
        return [a / b for a, b in zip(self.over.values, self.under.values, strict=True)]

    @property
    def by_cpu(self) -> float | None:
        """Return the same by processor time, which other programs of the machine change less."""
        over, under = sum(self.over.cpu_us().values()), sum(self.under.cpu_us().values())
        return under / over if over and under else None


@dataclass(slots=True)
class Section:
    """What one measurement found."""

    title: str
    unit: str
    rows: Sequence[Row]
    ratios: Sequence[Ratio] = ()
    #: Bars of rows by name, where the figure itself has one.
    bars: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def print(self) -> None:
        print(f"\n{self.title}")
        for row in self.rows:
            cpu = "  ".join(f"{name} {value:.0f}" for name, value in row.cpu_us().items())
            line = f"  {row.name:34}{spread(row.values)} {self.unit}"
            line += f"   cpu us each: {cpu}" if cpu else ""
            line += f"   [{self.bars[row.name]}]" if row.name in self.bars else ""
            print(line)
        for ratio in self.ratios:
            cpu = f"   by cpu {ratio.by_cpu:.2f}" if ratio.by_cpu else ""
            print(f"  = {ratio.name:32}{spread(ratio.values)} x{cpu}   [{ratio.bar}]")
        for note in self.notes:
            print(f"  {note}")
        sys.stdout.flush()


def spread(values: Sequence[float]) -> str:
    """Return the median and the range."""
    median = _short(statistics.median(values))
    if len(values) == 1:
        return f"{median:>9} {'':15}"
    return f"{median:>9} {f'({_short(min(values))} to {_short(max(values))})':15}"


def _short(value: float) -> str:
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}"


def in_turn(rounds: int, systems: Mapping[str, Callable[[], Sample]]) -> dict[str, Row]:
    """Measure each system once in every round, one after the other, so that a slow minute slows them all."""
    rows = {name: Row(name) for name in systems}
    for number in range(rounds):
        for name, measure in systems.items():
            sample = measure()
            rows[name].samples.append(sample)
            print(f"    {name}, round {number + 1}: {_short(sample.value)}", file=sys.stderr, flush=True)
    return rows
