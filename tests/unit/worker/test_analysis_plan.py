"""The order of an analysis, and what is told of its progress."""

from __future__ import annotations

import pytest

from analysis_worker.domain.result import Dimension
from analysis_worker.transcript.plan import MADE, STEPS, Course, Pace, steps_for

START_MS = 1_800_000_000_000


def test_all_six_dimensions_are_made_unless_some_are_named() -> None:
    assert {step.dimension for step in steps_for([])} == set(Dimension)
    assert [step.dimension for step in steps_for([Dimension.QUALITY, Dimension.TONE])] == [
        Dimension.TONE,
        Dimension.QUALITY,
    ]


def test_each_step_comes_after_all_that_it_rests_on() -> None:
    made: set[Dimension] = set()
    for step in STEPS:
        assert step.after <= made
        made.add(step.dimension)
    assert STEPS[-1].dimension is Dimension.QUALITY


def test_the_fraction_grows_with_every_step_and_leaves_room_for_keeping_the_result() -> None:
    course = Course(STEPS, Pace(), START_MS)
    told = [course.fraction]
    course.prepared(words=5_000)
    told.append(course.fraction)
    for step in STEPS:
        course.finish(step)
        told.append(course.fraction)

    assert told[0] == 0
    assert told == sorted(set(told))
    assert told[-1] == pytest.approx(MADE)
    assert MADE < 1
    assert course.finished == course.steps == 6


def test_nothing_is_promised_before_anything_was_measured() -> None:
    course = Course(STEPS, Pace(), START_MS)
    assert course.finish_ms(START_MS + 1_000) is None

    course.prepared(words=5_000)
    assert course.finish_ms(START_MS + 2_000) is None


def test_the_time_left_follows_from_the_time_that_the_finished_part_took() -> None:
    # Given an analysis of which a known share is done after 4 s
    course = Course(STEPS, Pace(), START_MS)
    course.prepared(words=5_000)
    course.finish(STEPS[0])
    now_ms = START_MS + 4_000

    # Then the rest is expected to go on at that pace
    expected_ms = 4_000 * (MADE / course.fraction - 1)
    promised_ms = course.finish_ms(now_ms)
    assert promised_ms is not None
    assert promised_ms - now_ms == pytest.approx(expected_ms, abs=2)


def test_an_analysis_begins_with_the_pace_of_earlier_ones_in_proportion_to_its_words() -> None:
    # Given an analysis of 1,000 words that took 3 s in all
    pace = Pace()
    earlier = Course(STEPS, pace, START_MS)
    earlier.prepared(words=1_000)
    for step in STEPS:
        earlier.finish(step)
    earlier.learn(START_MS + 3_000)

    # When one of 2,000 words has only been prepared
    course = Course(STEPS, pace, START_MS)
    course.prepared(words=2_000)

    # Then what is left of twice 3 s is expected
    promised_ms = course.finish_ms(START_MS)
    assert promised_ms is not None
    assert promised_ms - START_MS == pytest.approx(6_000 * (1 - course.fraction / MADE), abs=2)


def test_an_empty_conversation_teaches_nothing() -> None:
    pace = Pace()
    pace.learn(1_000, 1.0, words=0)

    assert pace.expect_ms(1.0, words=1_000) is None
