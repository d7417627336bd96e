"""Processor time of processes: steadier than a rate on a machine that does other things too."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import psutil


class Meter:
    """The time and the processor time of a few processes between entering and leaving.

    Args:
        pids: Process ids by the name to show. They must live until the meter is left.
    """

    def __init__(self, pids: Mapping[str, int | list[int]]) -> None:
        self._processes = {
            name: [psutil.Process(pid) for pid in (given if isinstance(given, list) else [given])]
            for name, given in pids.items()
        }
        self._cpu_s: dict[str, float] = {}
        self._began_s = 0.0
        self.elapsed_s = 0.0

    def __enter__(self) -> Self:
        self._cpu_s = self._read()
        self._began_s = time.perf_counter()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.elapsed_s = time.perf_counter() - self._began_s
        now = self._read()
        self._cpu_s = {name: now[name] - before for name, before in self._cpu_s.items()}

    def cpu_us(self, count: float) -> dict[str, float]:
        """Return the processor time by process for each of `count` things that were done."""
        return {name: spent_s / count * 1e6 for name, spent_s in self._cpu_s.items()}

    def _read(self) -> dict[str, float]:
        return {name: sum(map(_cpu_s, processes)) for name, processes in self._processes.items()}


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
