"""Hysteresis: what holds is raised, what is gone is cleared, and what flickers does neither."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.health import Issue, Severity
from monitor.steady import CLEAR_AFTER, RAISE_AFTER, SteadyIssues


def issue(code: str = "LATE", severity: Severity = Severity.DEGRADED, message: str = "") -> Issue:
    return Issue(code, severity, message, "", "exports")


def steadied(looks: str) -> str:
    """Return for each look, "x" with the issue or "." without, whether it is raised then.

    The first look always finds nothing, so that none of these is taken at its word.
    """
    steady = SteadyIssues()
    steady.look([])
    return "".join("x" if steady.look([issue()] if look == "x" else []) else "." for look in looks)


def test_an_issue_is_raised_by_its_second_look_in_a_row() -> None:
    assert steadied("xxx") == ".xx"


def test_an_issue_is_cleared_by_the_third_look_without_it() -> None:
    assert steadied("xx...") == ".xxx."


def test_an_issue_that_flickers_is_never_raised() -> None:
    assert steadied("x.x.x.x.") == "........"


def test_an_issue_that_flickers_while_raised_stays() -> None:
    assert steadied("xx..x..x..x") == ".xxxxxxxxxx"


def test_the_first_look_is_taken_at_its_word() -> None:
    assert SteadyIssues().look([issue()]) == (issue(),)


def test_after_forgetting_the_next_look_is_taken_at_its_word() -> None:
    # Given two issues, one raised and one seen once
    steady = SteadyIssues()
    steady.look([issue("OLD")])
    steady.look([issue("OLD"), issue("NEW")])
    # When everything is forgotten
    steady.forget()
    # Then only what the next look finds holds
    assert steady.look([issue("OTHER")]) == (issue("OTHER"),)


def test_a_raised_issue_shows_its_latest_words_and_gets_worse_at_once() -> None:
    steady = SteadyIssues()
    steady.look([issue(message="30 s")])
    assert steady.look([issue(message="31 s", severity=Severity.UNHEALTHY)]) == (
        issue(message="31 s", severity=Severity.UNHEALTHY),
    )


def test_the_same_trouble_in_two_queues_is_two_issues() -> None:
    steady = SteadyIssues()
    steady.look([issue()])
    other = Issue("LATE", Severity.DEGRADED, "", "", "maintenance")
    assert steady.look([issue(), other]) == (issue(),)
    assert steady.look([issue(), other]) == (issue(), other)


@given(st.text("x.", max_size=60))
def test_health_changes_only_after_looks_that_agree(looks: str) -> None:
    """Between two changes lie at least as many looks as the next change needs to agree."""
    shown = steadied(looks)
    for at in range(1, len(looks)):
        if shown[at - 1] == "." and shown[at] == "x":
            assert looks[at + 1 - RAISE_AFTER : at + 1] == "x" * RAISE_AFTER
        if shown[at - 1] == "x" and shown[at] == ".":
            assert looks[at + 1 - CLEAR_AFTER : at + 1] == "." * CLEAR_AFTER
