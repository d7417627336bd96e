"""What headers of a provider tell, and how many tokens a text may be."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.provider.limits import Quota, duration_ms, told_by
from common.provider.tokens import estimate_tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6m0s", 360_000),
        ("120ms", 120),
        ("1s", 1_000),
        ("1.25s", 1_250),
        ("8.64s", 8_640),
        ("1h2m3s", 3_723_000),
        ("1d", 86_400_000),
        ("0s", 0),
        ("", None),
        ("soon", None),
        ("6m 0s", None),
        ("-1s", None),
        ("5", 5_000),
        ("0.25", 250),
        ("5 s", None),
    ],
)
def test_spans_are_read_as_providers_write_them(text: str, expected: int | None) -> None:
    assert duration_ms(text) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "2"}, 2_000),
        ({"retry-after": "2", "Retry-After-Ms": "1500"}, 1_500),
        ({"retry-after-ms": "0.4"}, 1),
        ({"retry-after": "Wed, 25 Nov 2026 10:00:00 GMT", "date": "Wed, 25 Nov 2026 09:59:30 GMT"}, 30_000),
        ({"retry-after": "Wed, 25 Nov 2026 10:00:00 GMT", "date": "Wed, 25 Nov 2026 10:00:30 GMT"}, 0),
        ({"retry-after": "Tue, 24 Nov 2026 10:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "99999999999"}, 86_400_000),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-3"}, None),
        ({}, None),
    ],
)
def test_the_pause_that_was_asked_for_is_read(headers: dict[str, str], expected: int | None) -> None:
    assert told_by(headers).retry_after_ms == expected


def quota_headers(limit: str, remaining: str, reset: str) -> dict[str, str]:
    return {
        "x-ratelimit-limit-tokens": limit,
        "x-ratelimit-remaining-tokens": remaining,
        "x-ratelimit-reset-tokens": reset,
    }


def test_a_quota_is_by_the_minute_unless_its_reset_says_otherwise() -> None:
    assert told_by(quota_headers("600", "300", "30s")).tokens == Quota(600, 300)
    assert told_by(quota_headers("10000", "9980", "2m52.8s")).tokens == Quota(10_000, 9_980, 86_400_000)
    # One unit in use says nothing of the period.
    assert told_by(quota_headers("600", "599", "1s")).tokens == Quota(600, 599)
    assert told_by(quota_headers("600", "700", "")).tokens == Quota(600, 600)


@pytest.mark.parametrize("limit", ["", "0", "-5", "many", "1e9"])
def test_a_quota_that_cannot_be_read_was_not_told(limit: str) -> None:
    assert told_by(quota_headers(limit, "3", "1s")).tokens is None


@given(st.dictionaries(st.sampled_from(["x-ratelimit-limit-requests", "retry-after"]), st.text(max_size=8)))
def test_no_header_breaks_it(headers: dict[str, str]) -> None:
    told_by(headers)


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("The council should close the bridge at night.", 9),
        # A vocabulary of bytes may need one token for each character that is not ASCII.
        ("äöü", 3),
        ("1234567", 3),
        ("", 0),
    ],
)
def test_an_estimate_counts_words_signs_and_digits(text: str, least: int) -> None:
    assert estimate_tokens(text) >= least


@given(st.text(max_size=200), st.text(max_size=200))
def test_more_text_is_not_fewer_tokens(one: str, other: str) -> None:
    assert estimate_tokens(one + " " + other) >= max(estimate_tokens(one), estimate_tokens(other))


def _tokens_of(piece: str) -> int:
    plain = piece.isascii() and (piece.isalpha() and len(piece) <= 12)
    if plain or piece.isdecimal():
        return 1
    foreign = sum(not char.isascii() for char in piece)
    return foreign + math.ceil((len(piece) - foreign) / 4)


_CHARACTERS = st.characters(max_codepoint=0x2FF) | st.sampled_from("ab 12_.,漢\u2028\x1f")
_RUNS = st.lists(st.builds(str.__mul__, _CHARACTERS, st.integers(1, 90)), max_size=12)


@given(st.text(_CHARACTERS, max_size=80) | _RUNS.map("".join))
def test_an_estimate_is_that_of_words_numbers_and_runs_of_signs(text: str) -> None:
    pieces = re.findall(r"[^\W\d_]+|\d{1,3}|[^\w\s]+|_+", text)
    assert estimate_tokens(text) == math.ceil(sum(map(_tokens_of, pieces)) * 1.05)


def test_prose_is_not_estimated_far_above_its_words() -> None:
    words = "the people of this town have asked for a night bus and they have waited long " * 50
    assert estimate_tokens(words) <= 1.06 * len(words.split())
