"""What a handler sees of its attempt."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest

from analysis_worker.runtime.children import ChildPool
from analysis_worker.runtime.context import JobContext, Ports
from analysis_worker.wire.results import RESULT_MEDIA_TYPE
from bothsides.jobs import v1 as pb
from common.job.ids import JobId
from common.job.model import Content

JOB_ID = JobId("ai-1")
DEFAULT_TIMEOUT_MS = 60_000


@dataclass
class RecordedAttempt:
    """An attempt without a broker, which remembers what it was told."""

    job_id: JobId = JOB_ID
    attempt: int = 3
    tenant: str = "acme"
    timeout_ms: int | None = None
    started_s: float = field(default_factory=time.monotonic)
    cancel_requested: bool = False
    reports: list[tuple[float, str, int, int, int | None]] = field(default_factory=list)
    parts: list[tuple[str, Content]] = field(default_factory=list)

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


class Nothing:
    """Ports that this test has no use for."""

    async def load(self, tenant: str, conversation_id: str) -> bytes:
        raise AssertionError("not called")

    async def keep(
        self, tenant: str, conversation_id: str, analysis: bytes, *, job_id: JobId, attempt: int
    ) -> bool:
        raise AssertionError("not called")


def context_of(attempt: RecordedAttempt) -> JobContext:
    nothing = Nothing()
    return JobContext(attempt, Ports(nothing, nothing, ChildPool(1), DEFAULT_TIMEOUT_MS))


def test_it_names_the_attempt_by_which_writes_are_fenced() -> None:
    context = context_of(RecordedAttempt())

    assert (context.job_id, context.attempt, context.tenant) == (JOB_ID, 3, "acme")


def test_progress_goes_to_the_attempt_as_it_was_told() -> None:
    attempt = RecordedAttempt()

    context_of(attempt).progress(0.5, "Half of it", completed_units=1, total_units=2, finish_ms=9)

    assert attempt.reports == [(0.5, "Half of it", 1, 2, 9)]


def test_a_part_is_a_result_that_holds_that_piece_only() -> None:
    attempt = RecordedAttempt()
    piece = pb.JobResult(analysis=pb.DebateAnalysis(conversation_id="bridge"))

    context_of(attempt).part("tone", piece)

    [(name, content)] = attempt.parts
    assert (name, content.media_type) == ("tone", RESULT_MEDIA_TYPE)
    assert pb.JobResult.FromString(content.data) == piece


@pytest.mark.parametrize(("own_ms", "limit_ms"), [(5_000, 5_000), (None, DEFAULT_TIMEOUT_MS)])
def test_the_time_left_counts_from_the_start_by_the_jobs_own_limit_or_the_workers(
    own_ms: int | None, limit_ms: int
) -> None:
    # Given an attempt that has run for two seconds
    attempt = RecordedAttempt(timeout_ms=own_ms, started_s=time.monotonic() - 2)

    assert context_of(attempt).remaining_ms == pytest.approx(limit_ms - 2_000, abs=500)


def test_no_time_is_left_after_the_limit() -> None:
    attempt = RecordedAttempt(timeout_ms=1_000, started_s=time.monotonic() - 2)

    assert context_of(attempt).remaining_ms == 0


def test_a_loop_can_see_that_it_should_stop() -> None:
    attempt = RecordedAttempt()
    context = context_of(attempt)
    assert not context.cancel_requested

    attempt.cancel_requested = True
    assert context.cancel_requested
