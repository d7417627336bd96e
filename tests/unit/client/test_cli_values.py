"""What options say in short is read as meant, or refused with an example."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from bothsides.jobs import v1 as pb
from bothsides_client.cli.tables import paid, usd
from bothsides_client.cli.values import duration, instant, micro_usd, or_none, pairs, share, whole, window


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), ("2d", 172_800), ("0s", 0)],
)
def test_a_time_is_read(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5 m", "5m!", "1e3s", "9999999d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        duration(text)


def test_a_moment_is_read() -> None:
    now = datetime(2030, 1, 31, 8, tzinfo=UTC)
    assert instant("+1h30m", lambda: now) == now + timedelta(minutes=90)
    assert instant("2030-01-31T08:00Z") == now
    assert instant("2030-01-31T09:00+01:00") == now
    assert instant("2030-01-31T08:00").tzinfo is not None


@pytest.mark.parametrize("text", ["", "soon", "+", "+5", "2030-13-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        instant(text)


def test_windows_shares_numbers_and_labels_are_read() -> None:
    assert window("10/60s") == (10, timedelta(seconds=60))
    assert share("20%/10") == (0.2, 10)
    assert (or_none("none", whole), or_none("7", whole)) == (None, 7)
    assert pairs(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (duration, instant, window, share, whole, lambda each: pairs([each])):
        with suppress(typer.BadParameter):
            read(text)


@pytest.mark.parametrize(
    ("text", "micro"), [("2.50", 2_500_000), ("$1", 1_000_000), ("0.000001", 1), ("0", 0)]
)
def test_dollars_are_read_to_the_millionth_and_shown_as_finely_as_it_takes(text: str, micro: int) -> None:
    assert micro_usd(text) == micro
    assert micro_usd(usd(micro)) == micro


def test_what_a_job_paid_is_said_in_one_line() -> None:
    used = pb.PaidUsage(call_count=7, cost_micro_usd=10_500, wasted_micro_usd=20_000)
    assert paid(used) == "$0.0105 for 7 calls, $0.02 wasted"
    used = pb.PaidUsage(call_count=3, cost_micro_usd=10_000, doubtful_call_count=1)
    assert paid(used) == "$0.01 for 3 calls, 1 perhaps paid for twice"
    used = pb.PaidUsage(reused_call_count=2, saved_micro_usd=30_000)
    assert paid(used) == "$0.00 for 0 calls, $0.03 saved by 2 answers that were there"
