"""When a waiting job is likely to start."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.store.stats import Counts
from scheduler.explaining import pace_of
from scheduler.start_estimate import LEAST_STARTS, Estimate, Pace, estimated_start

NOW = 1_800_000_000_000
MINUTE = NOW // 60_000


def test_a_job_that_finds_a_free_slot_starts_at_once() -> None:
    assert estimated_start(from_ms=NOW, ahead=2, free=3, pace=Pace(0, 1)) == Estimate(NOW, NOW)


def test_without_a_pace_there_is_no_estimate() -> None:
    assert estimated_start(from_ms=NOW, ahead=2, free=0, pace=Pace(LEAST_STARTS - 1, 60_000)) is None


def test_a_queue_that_starts_one_a_second_reaches_the_hundredth_in_about_100_s() -> None:
    found = estimated_start(from_ms=NOW, ahead=99, free=0, pace=Pace(600, 600_000))

    assert found is not None
    assert found.p50_ms - NOW == pytest.approx(100_000, rel=0.01)
    assert 110_000 < found.p90_ms - NOW < 120_000


@given(
    ahead=st.integers(0, 100_000),
    free=st.integers(0, 100),
    starts=st.integers(LEAST_STARTS, 1_000_000),
    span_ms=st.integers(1, 660_000),
)
def test_more_jobs_ahead_never_start_a_job_sooner(ahead: int, free: int, starts: int, span_ms: int) -> None:
    pace = Pace(starts, span_ms)
    found = estimated_start(from_ms=NOW, ahead=ahead, free=free, pace=pace)
    later = estimated_start(from_ms=NOW, ahead=ahead + 1, free=free, pace=pace)

    assert found is not None
    assert later is not None
    assert NOW <= found.p50_ms <= found.p90_ms
    assert found.p50_ms <= later.p50_ms


@pytest.mark.parametrize(("ahead", "seen"), [(0, 10), (9, 10), (50, 30), (200, 500)])
def test_the_quantiles_hold_for_a_queue_whose_jobs_end_at_random(ahead: int, seen: int) -> None:
    """Draws queues of one true pace: sees some starts of each, estimates, and draws when the job started."""
    chance = random.Random(7)
    sooner_than_p50, sooner_than_p90, draws = 0, 0, 4_000
    for _ in range(draws):
        span_ms = chance.gammavariate(seen, 1_000)
        found = estimated_start(from_ms=0, ahead=ahead, free=0, pace=Pace(seen, round(span_ms)))
        started_ms = chance.gammavariate(ahead + 1, 1_000)
        assert found is not None
        sooner_than_p50 += started_ms <= found.p50_ms
        sooner_than_p90 += started_ms <= found.p90_ms

    assert sooner_than_p50 / draws == pytest.approx(0.5, abs=0.04)
    assert sooner_than_p90 / draws == pytest.approx(0.9, abs=0.04)


def test_the_pace_is_counted_from_the_first_minute_in_which_anything_started() -> None:
    started = {-3: 0, -2: 30, -1: 0, 0: 30}
    minutes = {MINUTE + back: Counts({"started": count}) for back, count in started.items()}
    now_ms = MINUTE * 60_000 + 15_000

    assert pace_of(minutes, now_ms) == Pace(60, 135_000)


def test_a_queue_in_which_nothing_started_has_no_pace() -> None:
    assert pace_of({MINUTE: Counts()}, NOW + 10).starts == 0
