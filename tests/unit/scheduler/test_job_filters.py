"""The filter of ListJobs: what it takes, and where it says that it stopped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidFilter
from common.store.jobs import Condition
from scheduler.filters import Filter, parse_filter
from scheduler.filters.tree import Always, And, Node, Not, Or


def spelled(node: Node) -> str:
    """Return a tree with all its brackets."""
    match node:
        case Always(met):
            return str(met)
        case Condition(field, operator, value):
            return f"{field}{operator}{value}"
        case Not(part):
            return f"not {spelled(part)}"
        case And(parts):
            return f"({' and '.join(map(spelled, parts))})"
        case Or(parts):
            return f"({' or '.join(map(spelled, parts))})"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", "True"),
        ("   ", "True"),
        ("state = FAILED", "state=FAILED"),
        ("state=FAILED", "state=FAILED"),
        ("state:FAILED", "state=FAILED"),
        ("state : FAILED", "state=FAILED"),
        ("state!=FAILED AND actor=a.b-c", "(state!=FAILED and actor=a.b-c)"),
        ('actor = "two words"', "actor=two words"),
        (r"actor = 'it\'s \\'", "actor=it's \\"),
        ('labels.team = ""', "label:team="),
        ("labels.team:*", "label:teamhas"),
        ("labels:team", "label:teamhas"),
        ('labels.team:"*"', "label:team=*"),
        ("NOT labels.team:*", "not label:teamhas"),
        ("type = GENERIC", "type="),
        ("conversation_id = c1", "conversation=c1"),
        ("conversation_id:c:1", "conversation=c:1"),
        ("batch_id:*", "batchhas"),
        ("unique_key = a/b", "unique=a/b"),
        ("last_error.error_class = TIMEOUT", "class=TIMEOUT"),
        ("last_error.reason = DISK_FULL", "cause=DISK_FULL"),
        ("create_time >= 1970-01-01T00:00:01.5Z", "created>=1500"),
        ('end_time < "1970-01-01T01:00:00+01:00"', "ended<0"),
        ("-state = FAILED", "not state=FAILED"),
        ("-(state = FAILED)", "not state=FAILED"),
        ("- state = FAILED", "not state=FAILED"),
        ("actor = -1", "actor=-1"),
        ("actor = AND", "actor=AND"),
        # OR binds tighter than AND.
        ("actor=a AND actor=b OR actor=c", "(actor=a and (actor=b or actor=c))"),
        ("actor=a OR actor=b AND actor=c", "((actor=a or actor=b) and actor=c)"),
        ("actor=a OR (actor=b AND actor=c)", "(actor=a or (actor=b and actor=c))"),
        ("NOT actor=a OR actor=b", "(not actor=a or actor=b)"),
        ("NOT (actor=a OR actor=b)", "not (actor=a or actor=b)"),
        # What every job meets is not asked for.
        ("state:*", "True"),
        ("NOT queue:*", "False"),
        ("actor=a AND state:*", "actor=a"),
        ("actor=a OR state:*", "True"),
    ],
)
def test_a_filter_becomes_a_tree(text: str, tree: str) -> None:
    assert spelled(parse_filter(text).tree) == tree


def test_a_filter_becomes_a_program_in_postfix_order() -> None:
    a, b, c = (Condition("actor", "=", name) for name in "abc")

    assert parse_filter("actor=a AND NOT (actor=b OR actor=c)").program() == [a, b, c, "OR", "NOT", "AND"]
    assert parse_filter("").program() == []


def test_an_index_may_serve_what_every_match_meets() -> None:
    wanted = parse_filter("state=FAILED AND (actor=a OR batch_id=b) AND NOT type=GENERIC AND batch_id=c")

    assert [f"{condition.field}={condition.value}" for condition in wanted.demands()] == [
        "state=FAILED",
        "batch=c",
    ]


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("queue = exports", {"exports"}),
        ("queue != exports", {"ai_analysis", "data_processing"}),
        ("type = REFLECTION_PROCESSING", {"ai_analysis"}),
        ("type != REFLECTION_PROCESSING", {"ai_analysis", "data_processing", "exports"}),
        ("queue = exports AND queue = ai_analysis", set()),
        ("queue = exports OR queue = ai_analysis", {"exports", "ai_analysis"}),
        ("NOT (queue = exports OR queue = ai_analysis)", {"data_processing"}),
        ("queue = exports OR state = FAILED", {"ai_analysis", "data_processing", "exports"}),
        ("NOT type = REFLECTION_PROCESSING AND queue = ai_analysis", {"ai_analysis"}),
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
        ("state = FAILED or actor = a", 16),
        ("state = FAILED AND", 19),
        ("state = FAILED OR", 18),
        ("NOT", 4),
        ("NOT NOT state = FAILED", 5),
        ("AND state = FAILED", 1),
        ("(state = FAILED", 16),
        ("state = FAILED)", 15),
        ("()", 2),
        ("(" * 21 + "state = FAILED" + ")" * 21, 21),
        (" AND ".join(["actor=a"] * 21), 241),
        ("labels.team", 12),
        ("labels = red", 8),
        ("labels:Team", 8),
        ("state:DONE", 7),
        ("create_time:yesterday", 13),
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
        assert text.strip() or outcome.tree == Always(True)


@given(st.text(max_size=40))
def test_any_value_can_be_quoted(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')

    assert parse_filter(f'actor = "{quoted}"').tree == Condition("actor", "=", value)


_TREES: st.SearchStrategy[Node] = st.recursive(
    st.builds(Condition, st.sampled_from("abc"), st.just("="), st.just("1")),
    lambda parts: (
        st.builds(Not, parts)
        | st.builds(And, st.lists(parts, min_size=2, max_size=3).map(tuple))
        | st.builds(Or, st.lists(parts, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=8,
)
_VALUES = st.sampled_from(("0", "1"))


@given(
    tree=_TREES,
    facts=st.fixed_dictionaries(dict.fromkeys("abc", _VALUES)),
    known=st.sets(st.sampled_from("abc")),
)
def test_what_is_judged_with_part_of_the_facts_stays_true_with_all(
    tree: Node, facts: dict[str, str], known: set[str]
) -> None:
    wanted = Filter(tree)
    partly = wanted.judge(lambda field: facts[field] if field in known else None)
    whole = wanted.judge(lambda field: facts[field])

    assert whole is not None
    assert partly in {None, whole}
    if known == set("abc"):
        assert partly is not None
