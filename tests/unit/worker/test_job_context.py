"""What a handler sees of its attempt."""

from __future__ import annotations

import pytest

from analysis_worker.wire.results import RESULT_MEDIA_TYPE
from bothsides.jobs import v1 as pb
from support.attempts import JOB_ID, RecordedAttempt, context_of


def test_it_names_the_attempt_by_which_writes_are_fenced() -> None:
    context = context_of(RecordedAttempt())

    assert (context.job_id, context.attempt, context.tenant) == (JOB_ID, 3, "acme")
    assert context.batch_id == "batch-1"


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


def test_it_knows_the_time_that_is_left() -> None:
    context = context_of(RecordedAttempt())

    assert (context.remaining_ms, context.deadline_ms) == (4_000, 1_800_000_000_000)


def test_a_log_line_goes_to_the_attempt_as_it_was_told() -> None:
    attempt = RecordedAttempt()

    # A field may have any name, also those of the arguments.
    context_of(attempt).log("INFO", "Read", page=3, level=2, message="m")

    assert attempt.lines == [("INFO", "Read", {"page": 3, "level": 2, "message": "m"})]


async def test_a_checkpoint_is_found_again() -> None:
    context = context_of(RecordedAttempt())
    assert await context.restore() is None

    assert await context.checkpoint(b"here")
    assert await context.restore() == b"here"


def test_a_snooze_ends_the_attempt() -> None:
    with pytest.raises(RuntimeError, match="NOT_READY for 5 ms"):
        context_of(RecordedAttempt()).snooze(5, "NOT_READY")


def test_a_loop_can_see_that_it_should_stop() -> None:
    attempt = RecordedAttempt()
    context = context_of(attempt)
    assert not context.cancel_requested

    attempt.cancel_requested = True
    assert context.cancel_requested
