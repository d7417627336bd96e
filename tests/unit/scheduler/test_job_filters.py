"""The filter of ListJobs: what it takes, and where it says that it stopped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidFilter
from common.store.jobs import Condition
from scheduler.filters import Filter, parse_filter


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("", ()),
        ("   ", ()),
        ("state = FAILED", (Condition("state", "=", "FAILED"),)),
        ("state=FAILED", (Condition("state", "=", "FAILED"),)),
        (
            "state!=FAILED AND actor=a.b-c",
            (Condition("state", "!=", "FAILED"), Condition("actor", "=", "a.b-c")),
        ),
        ('actor = "two words"', (Condition("actor", "=", "two words"),)),
        (r"actor = 'it\'s \\'", (Condition("actor", "=", "it's \\"),)),
        ('labels.team = ""', (Condition("label:team", "=", ""),)),
        ("type = GENERIC", (Condition("type", "=", ""),)),
        ("conversation_id = c1", (Condition("conversation", "=", "c1"),)),
        ("create_time >= 1970-01-01T00:00:01.5Z", (Condition("created", ">=", "1500"),)),
        ('create_time < "1970-01-01T01:00:00+01:00"', (Condition("created", "<", "0"),)),
    ],
)
def test_a_filter_becomes_conditions_on_records(text: str, conditions: tuple[Condition, ...]) -> None:
    assert parse_filter(text).conditions == conditions


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("queue = exports", {"exports"}),
        ("queue != exports", {"ai_analysis", "data_processing"}),
        ("type = REFLECTION_PROCESSING", {"ai_analysis"}),
        ("type != REFLECTION_PROCESSING", {"ai_analysis", "data_processing", "exports"}),
        ("queue = exports AND queue = ai_analysis", set()),
        ("state = FAILED", {"ai_analysis", "data_processing", "exports"}),
    ],
)
def test_a_filter_limits_the_queues_that_are_looked_at(text: str, allowed: set[str]) -> None:
    wanted = parse_filter(text)

    assert {name for name in ("ai_analysis", "data_processing", "exports") if wanted.allows(name)} == allowed


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("stat = FAILED", 1),
        ("state", 6),
        ("state =", 8),
        ("state = ", 8),
        ("state FAILED", 7),
        ("state = DONE", 9),
        ("state = FAILED,", 9),
        ("state < FAILED", 7),
        ("state = FAILED actor = a", 16),
        ("state = FAILED OR actor = a", 16),
        ("state = FAILED AND", 19),
        ("AND state = FAILED", 1),
        ("(state = FAILED)", 1),
        ('actor = "open', 9),
        ("actor = = a", 9),
        ("labels.Team = a", 1),
        ("labels. = a", 1),
        ("create_time > yesterday", 15),
        ("create_time > 2026-01-01T00:00:00", 15),
        ("'state' = FAILED", 1),
    ],
)
def test_a_bad_filter_says_at_which_character(text: str, position: int) -> None:
    with pytest.raises(InvalidFilter) as refused:
        parse_filter(text)

    assert refused.value.field == "filter"
    assert refused.value.description.startswith(f"at character {position}: ")


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_refused_as_one(text: str) -> None:
    outcome: Filter | InvalidFilter
    try:
        outcome = parse_filter(text)
    except InvalidFilter as error:
        outcome = error

    if isinstance(outcome, InvalidFilter):
        position = outcome.description.split(":")[0].removeprefix("at character ")
        assert 1 <= int(position) <= len(text) + 1
    else:
        assert bool(outcome.conditions or outcome.queues) is bool(text.strip())


@given(st.text(max_size=40))
def test_any_value_can_be_quoted(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')

    assert parse_filter(f'actor = "{quoted}"').conditions == (Condition("actor", "=", value),)
