"""The present health, judged after each look, and those who wait for it to change."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from common.errors import Draining
from monitor.facts import Facts, Reading
from monitor.health import Issue, Severity, Thresholds, issues_of, unknown_of
from monitor.steady import SteadyIssues


@dataclass(frozen=True, slots=True)
class Report:
    """One word on the system, and why."""

    status: Severity
    #: Worst first.
    issues: tuple[Issue, ...]
    #: What it rests on; for UNKNOWN the last that was read, None if nothing ever was.
    facts: Facts | None
    #: Grows when status or issues change; their numbers alone do not count.
    version: int


class ReportBoard:
    """Holds the latest report.

    A watcher that is slow finds only the latest when it comes back: health is a state, not a history, so
    nothing is kept for anyone and no watcher can make the monitor hold more than one report.

    Args:
        thresholds: When something counts as wrong.
        reading: Returns the latest facts and their age.
    """

    def __init__(self, thresholds: Thresholds, reading: Callable[[], Reading]) -> None:
        self._thresholds = thresholds
        self._reading = reading
        self._steady = SteadyIssues()
        #: The facts that `_steady` saw last.
        self._judged: Facts | None = None
        self._latest = Report(Severity.UNKNOWN, (), facts=None, version=0)
        self._changed = asyncio.Event()
        self._closed = False

    def judge(self) -> Report:
        """Judge what is known now, wake the watchers if status or issues change, and return the report.

        May be called at any time: facts count once, but how old they are is asked each time.
        """
        reading = self._reading()
        status, issues = self._verdict(reading)
        changes = _outline(issues) != _outline(self._latest.issues)
        self._latest = Report(status, issues, reading.facts, self._latest.version + changes)
        if changes:
            self._wake()
        return self._latest

    def close(self) -> None:
        """End all watches: this replica is going."""
        self._closed = True
        self._wake()

    async def after(self, version: int, silence_s: float) -> Report:
        """Return the report once it is newer than `version`, or after `silence_s` as it is then.

        Raises:
            Draining: The board was closed.
        """
        if self._latest.version == version and not self._closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(silence_s):
                    await self._changed.wait()
        if self._closed:
            raise Draining
        return self.judge()

    def _verdict(self, reading: Reading) -> tuple[Severity, tuple[Issue, ...]]:
        """Return the status and what holds.

        Facts that cannot be believed silence every rule. No hysteresis here: they had to grow old first, and
        what was seen before says nothing about the time after.
        """
        unknown = unknown_of(reading, self._thresholds)
        if unknown is not None or reading.facts is None:
            self._steady.forget()
            self._judged = None
            return Severity.UNKNOWN, () if unknown is None else (unknown,)
        if reading.facts is self._judged:
            return self._latest.status, self._latest.issues
        self._judged = reading.facts
        issues = self._steady.look(issues_of(reading.facts, self._thresholds))
        return max((issue.severity for issue in issues), default=Severity.HEALTHY), issues

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _outline(issues: tuple[Issue, ...]) -> tuple[tuple[str, str, Severity], ...]:
    """Return what makes health differ. The status follows from it; the numbers in the texts always move."""
    return tuple((*issue.subject, issue.severity) for issue in issues)
