"""Intervals and slopes agree with values worked out by hand, and hold what they are said to hold."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.domain.interval import mean_interval, ratio_interval, share_interval
from analysis_worker.engines.local.slope import theil_sen


def test_the_interval_of_a_share_is_wilsons() -> None:
    # 8 of 10, z = 1.96, z² = 3.8415: the middle is (0.8 + 3.8415/20) / 1.38415 = 0.71674, the reach is
    # 1.96/1.38415 · √(0.8·0.2/10 + 3.8415/400) = 1.41602 · √0.0256037 = 0.22657.
    assert share_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    # None of ten is not nothing: up to 3.8415/13.8415.
    assert share_interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert share_interval(0, 0) is None


def test_the_interval_of_a_mean_is_students() -> None:
    # 1, 2, 3, 4, 5: mean 3, variance 2.5, standard error √(2.5/5) = 0.70711; t(4) = 2.7764: ± 1.9632.
    low, high = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0]) or (0.0, 0.0)
    assert (low, high) == pytest.approx((1.0368, 4.9632), abs=0.015)


def test_what_lies_in_one_unit_counts_as_one() -> None:
    # Given the same ten values, once apart and once as five pairs that hang together
    values = [0.1, 0.1, 0.5, 0.5, 0.2, 0.2, 0.9, 0.9, 0.4, 0.4]
    pairs = [(2 * value, 2.0) for value in values[::2]]
    apart, together = mean_interval(values), ratio_interval(pairs)
    # Then the pairs tell less
    assert apart is not None
    assert together is not None
    assert together[1] - together[0] > 1.4 * (apart[1] - apart[0])


def test_too_few_units_and_units_that_agree_tell_no_spread() -> None:
    assert mean_interval([1.0, 2.0, 3.0, 4.0]) is None
    assert mean_interval([1.0] * 9) is None
    assert ratio_interval([(1.0, 0.0)] * 9) is None


@given(st.lists(st.floats(0, 1), min_size=5, max_size=40))
def test_an_interval_holds_its_mean_and_stays_in_range(values: list[float]) -> None:
    found = mean_interval(values, 0.0, 1.0)
    if found is not None:
        assert 0 <= found[0] <= sum(values) / len(values) + 1e-9
        assert sum(values) / len(values) - 1e-9 <= found[1] <= 1


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    draw = random.Random(4)
    held = 0
    for _ in range(400):
        low, high = mean_interval([draw.random() for _ in range(12)]) or (0.0, 0.0)
        held += low <= 0.5 <= high
    assert 0.91 <= held / 400 <= 0.98


def test_the_slope_is_the_median_of_all_pairs() -> None:
    # 0, 1, 4: slopes 1 (0→1), 3 (1→4), 2 (0→4, over two steps); the median is 2.
    slope, (low, high) = theil_sen([0.0, 1.0, 4.0])
    assert slope == 2
    assert (low, high) == (1, 3)


def test_an_outlier_does_not_bend_the_slope() -> None:
    line = [0.1 * place for place in range(20)]
    bent = [*line[:-1], -50.0]
    assert theil_sen(bent)[0] == pytest.approx(0.1)


def test_a_long_series_is_averaged_first_and_keeps_its_slope() -> None:
    slope, (low, high) = theil_sen([0.003 * place for place in range(5_003)])
    assert slope == pytest.approx(0.003)
    assert low == pytest.approx(high)


def test_a_slope_needs_two_points() -> None:
    with pytest.raises(ValueError, match="needs two"):
        theil_sen([1.0])
