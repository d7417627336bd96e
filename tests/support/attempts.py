"""An attempt without a broker, for what runs in one."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NoReturn

from analysis_worker.runtime.children import ChildPool
from analysis_worker.runtime.context import JobContext, Ports
from common.job.ids import JobId
from common.job.model import Content, PaidUsage

JOB_ID = JobId("ai-1")


class SnoozedFor(RuntimeError):
    """The attempt was given back."""

    def __init__(self, delay_ms: int, reason: str) -> None:
        super().__init__(f"{reason} for {delay_ms} ms")
        self.delay_ms = delay_ms
        self.reason = reason


@dataclass
class RecordedAttempt:
    """An attempt without a broker, which remembers what it was told."""

    job_id: JobId = JOB_ID
    attempt: int = 3
    tenant: str = "acme"
    batch_id: str = "batch-1"
    remaining_ms: int = 4_000
    deadline_ms: int = 1_800_000_000_000
    cancel_requested: bool = False
    reports: list[tuple[float, str, int, int, int | None]] = field(default_factory=list)
    parts: list[tuple[str, Content]] = field(default_factory=list)
    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    kept: bytes | None = None
    paid: list[PaidUsage] = field(default_factory=list)

    def report(
        self,
        fraction: float,
        stage: str,
        *,
        completed_units: int = 0,
        total_units: int = 0,
        finish_ms: int | None = None,
    ) -> None:
        self.reports.append((fraction, stage, completed_units, total_units, finish_ms))

    def keep_part(self, name: str, content: Content) -> None:
        self.parts.append((name, content))

    def log(self, level: str, message: str, /, **fields: object) -> None:
        self.lines.append((level, message, fields))

    def checkpoint(self, data: bytes) -> Future[bool]:
        self.kept = data
        told: Future[bool] = Future()
        told.set_result(True)
        return told

    def restore(self) -> bytes | None:
        return self.kept

    def pay(self, paid: PaidUsage) -> None:
        self.paid.append(paid)

    def spend(self, cpu_s: float, peak_bytes: int | None = None) -> None:
        raise AssertionError("not called")

    def snooze(self, delay_ms: int, reason: str) -> NoReturn:
        raise SnoozedFor(delay_ms, reason)


class Nothing:
    """Ports that a test has no use for."""

    async def load(self, tenant: str, conversation_id: str) -> bytes:
        raise AssertionError("not called")

    async def keep(
        self, tenant: str, conversation_id: str, analysis: bytes, *, job_id: JobId, attempt: int
    ) -> bool:
        raise AssertionError("not called")

    async def keep_insights(
        self,
        tenant: str,
        participant_id: str,
        insights: bytes,
        *,
        rests_on: Sequence[str],
        job_id: JobId,
        attempt: int,
    ) -> bool:
        raise AssertionError("not called")

    async def latest(self, tenant: str, want: int) -> list[str]:
        raise AssertionError("not called")

    async def load_analyses(self, tenant: str, conversation_ids: Sequence[str]) -> list[bytes | None]:
        raise AssertionError("not called")


def context_of(attempt: RecordedAttempt, **ports: Any) -> JobContext:
    """Return the context of an attempt with some ports, and nothing behind the others."""
    nothing = Nothing()
    return JobContext(attempt, Ports(nothing, nothing, ChildPool(1), nothing, nothing, **ports))
