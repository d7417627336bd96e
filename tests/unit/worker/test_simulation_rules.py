"""Simulated errors: how their rules are read, and that they strike the share that they say."""

from __future__ import annotations

import pytest

from analysis_worker.runtime.simulation.rules import Effect, Rule, RuleInvalid, Struck, fate, read_rules
from common.job.ids import new_job_id
from common.job.model import ErrorClass


def attempt(number: int = 1, **fields: object) -> Struck:
    given = {"job_id": new_job_id("exports"), "attempt": number, "actor": "work", "job_type": "GENERIC"}
    return Struck(**{**given, **fields})  # type: ignore[arg-type]


def test_rules_are_read_as_they_are_spelled() -> None:
    text = "TRANSIENT 10% type=TRANSCRIPT_ANALYSIS; SLOW 2.5% ms=3000 ; EXIT 1% actor=resize label.team=red;"

    assert read_rules(text) == (
        Rule(ErrorClass.TRANSIENT, 0.1, job_type="TRANSCRIPT_ANALYSIS"),
        Rule(Effect.SLOW, 0.025, ms=3_000),
        Rule(Effect.EXIT, 0.01, actor="resize", labels={"team": "red"}),
    )
    assert read_rules("") == ()


def test_a_rule_is_written_so_that_it_can_be_read() -> None:
    rules = read_rules("RATE_LIMITED 12.5% type=GENERIC actor=a label.x=y ms=40;LOSE_STORE 100%")

    assert read_rules("; ".join(map(str, rules))) == rules


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("EXPLODE 10%", "'EXPLODE' is none of SLOW, CRASH_CHILD, EXIT, LOSE_STORE, TRANSIENT"),
        ("WORKER_LOST 10%", "'WORKER_LOST' is none of"),
        ("BUG", "'' is no share"),
        ("BUG 0.1", "'0.1' is no share"),
        ("BUG 101%", "'101%' is no share"),
        ("BUG 1% queue=x", "'queue=x' is none of type=, actor=, label.NAME="),
        ("BUG 1% ms=soon", "'ms=soon'"),
        ("SLOW 1% ms=3600001", "up to 3600000"),
        ("BUG 1%;" * 33, "33 rules are more than 32"),
    ],
)
def test_a_rule_that_cannot_be_read_is_named(text: str, named: str) -> None:
    with pytest.raises(RuleInvalid) as caught:
        read_rules(text)
    assert named in str(caught.value)


def test_the_share_is_kept_over_many_attempts() -> None:
    rules = read_rules("BUG 10%")

    struck = sum(fate(rules, 1, attempt()) is not None for _ in range(10_000))

    assert 800 < struck < 1_200


def test_all_and_none_are_exact() -> None:
    attempts = [attempt() for _ in range(1_000)]

    assert all(fate(read_rules("BUG 100%"), 1, each) for each in attempts)
    assert not any(fate(read_rules("BUG 0%"), 1, each) for each in attempts)


def test_the_same_seed_strikes_the_same_attempts_and_another_one_others() -> None:
    rules = read_rules("BUG 50%")
    attempts = [attempt(number) for number in (1, 2, 3) for _ in range(100)]

    def struck(seed: int) -> list[bool]:
        return [fate(rules, seed, each) is not None for each in attempts]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)


def test_the_next_attempt_of_a_struck_job_has_a_chance_of_its_own() -> None:
    rules = read_rules("BUG 50%")
    job_ids = [new_job_id("exports") for _ in range(100)]

    fates = {
        tuple(fate(rules, 1, attempt(number, job_id=job_id)) is None for number in (1, 2))
        for job_id in job_ids
    }
    assert len(fates) == 4


def test_a_rule_strikes_those_only_that_it_is_meant_for() -> None:
    [rule] = rules = read_rules("BUG 100% type=GENERIC actor=work label.team=red")

    assert fate(rules, 1, attempt(labels={"team": "red", "size": "s"})) is rule
    assert fate(rules, 1, attempt(labels={"team": "blue"})) is None
    assert fate(rules, 1, attempt()) is None
    assert fate(rules, 1, attempt(labels={"team": "red"}, actor="play")) is None
    assert fate(rules, 1, attempt(labels={"team": "red"}, job_type="EXPORT")) is None


def test_the_first_rule_that_strikes_counts() -> None:
    first, _ = rules = read_rules("BUG 100%; TRANSIENT 100%")

    assert fate(rules, 1, attempt()) is first
