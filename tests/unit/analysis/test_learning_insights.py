"""Insights follow a participant over conversations, and say nothing that the numbers do not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from analysis_worker.domain.insights import Held, LearningInsights, Passage, Trend, Verdict
from analysis_worker.domain.metric import Basis, Metric, measured
from analysis_worker.engines.local.insights.develop import insights_of
from analysis_worker.engines.local.insights.measures import BY_NAME, MEASURES
from analysis_worker.engines.local.insights.steps import MOST_STEPS
from analysis_worker.engines.local.insights.trends import mann_kendall
from analysis_worker.wire.insights import held_from_pb, insights_to_pb
from bothsides.jobs import v1 as pb
from support.analysis import all_of, example
from support.insights import analysis_of

LOCAL = {measure.dimension: "local" for measure in MEASURES}


def held(
    number: int,
    who: str = "ines",
    *,
    words: int | None = 500,
    makers: dict[str, str] | None = None,
    passages: dict[str, tuple[Passage, ...]] | None = None,
    **values: float,
) -> Held:
    """Return what a conversation holds; measures are named with "__" for the dot."""
    metrics = {
        name.replace("__", "."): measured(value, BY_NAME[name.replace("__", ".")].unit, 10, 0.4)
        for name, value in values.items()
    }
    return Held(f"c{number}", who, words, metrics, makers or LOCAL, passages or {})


def follow(own: Sequence[Held], others: Sequence[Held] = ()) -> LearningInsights:
    return insights_of("ines", [(each.conversation_id, each) for each in own], others, "digest")


def trend(insights: LearningInsights, name: str = "arguments.rebuttal_rate") -> Trend:
    return next(each for each in insights.trends if each.metric == name)


def rates(*values: float) -> list[Held]:
    return [held(number, arguments__rebuttal_rate=value) for number, value in enumerate(values)]


@given(st.permutations(range(10)).flatmap(lambda order: st.integers(4, 10).map(lambda n: order[:n])))
def test_the_test_for_a_trend_is_kendalls_exact_one(values: list[int]) -> None:
    expected = kendalltau(range(len(values)), values, method="exact").pvalue
    assert mann_kendall(values) == pytest.approx(expected, abs=1e-12)


def test_with_ties_the_normal_distribution_is_taken() -> None:
    # Worked by hand: S = 8, three tied pairs: (6 x 5 x 17 - 3 x 18) / 18 = 25.33, z = 7 / 5.033 = 1.391
    assert mann_kendall([1, 1, 2, 3, 3, 2]) == pytest.approx(0.1643, abs=2e-4)
    assert mann_kendall([2, 2, 2, 2]) == 1.0


@pytest.mark.parametrize("count", [5, 6, 7])
def test_chance_alone_seems_a_trend_in_at_most_one_of_twenty_orders(count: int) -> None:
    orders = list(permutations(range(count)))
    seeming = sum(mann_kendall(order) < 0.05 for order in orders)
    assert seeming <= 0.05 * len(orders)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.1, 0.2, 0.3, 0.4, 0.5), Verdict.IMPROVING),
        ((0.5, 0.4, 0.3, 0.2, 0.1), Verdict.DECLINING),
        ((0.3, 0.5, 0.2, 0.4, 0.3), Verdict.STEADY),
        ((0.3, 0.3, 0.3, 0.3, 0.3), Verdict.STEADY),
        ((0.1, 0.2, 0.3), Verdict.INSUFFICIENT_DATA),
        ((), Verdict.INSUFFICIENT_DATA),
    ],
)
def test_a_verdict_needs_four_conversations_and_what_chance_would_not_make(
    values: tuple[float, ...], verdict: Verdict
) -> None:
    found = trend(follow(rates(*values)))
    assert found.verdict is verdict
    assert (found.p_value is None) is (len(values) < 4)
    assert (found.slope.value is None) is (len(values) < 4)
    assert found.first.value == (values[0] if values else None)


def test_less_is_better_where_the_measure_says_so_and_neither_way_where_it_does_not() -> None:
    rising = [
        held(
            n, interaction__impoliteness=n / 10, linguistics__hedges=n / 10 + 1, arguments__claim_support=0.5
        )
        for n in range(6)
    ]
    found = follow(rising)
    assert trend(found, "interaction.impoliteness").verdict is Verdict.DECLINING
    assert trend(found, "linguistics.hedges").verdict is Verdict.CHANGING
    assert trend(found, "linguistics.hedges").slope.value == 0.1


def test_what_cannot_be_computed_is_null_with_its_reason() -> None:
    found = follow(rates(0.2, 0.4))
    numbers = all_of(Metric, found)
    assert all(number.note for number in numbers if number.value is None)
    assert trend(found, "quality.cogency").last.value is None
    assert trend(found).baseline.value == 0.2
    assert trend(found).change.value == 0.2
    assert trend(found).cohort_percentile.value is None
    message = insights_to_pb(found)
    assert not message.trends[1].slope.HasField("value")
    assert not message.trends[1].HasField("p_value")


def test_short_contributions_and_missing_analyses_are_named_and_not_counted() -> None:
    own = [
        ("c0", held(0, words=299, arguments__rebuttal_rate=0.9)),
        ("gone", None),
        ("c2", held(2, words=None)),
        ("c3", held(3, words=300, arguments__rebuttal_rate=0.1)),
    ]
    found = insights_of("ines", own, (), "digest")
    assert [looked.counted for looked in found.conversations] == [False, False, False, True]
    assert [bool(looked.note) for looked in found.conversations] == [True, True, True, False]
    assert trend(found).first.value == 0.1


def test_values_of_another_engine_are_left_out_and_counted() -> None:
    own = rates(0.1, 0.2, 0.3, 0.4)
    own.insert(2, held(9, makers={**LOCAL, "arguments": "openai gpt-6-luna"}, arguments__rebuttal_rate=0.9))
    found = trend(follow(own))
    assert (found.left_out, found.last.value, found.slope.sample_size) == (1, 0.4, 4)


def test_a_percentile_needs_twenty_others_who_said_enough() -> None:
    own = rates(0.1, 0.2, 0.3, 0.4, 0.5)
    others = [held(0, f"p{n}", arguments__rebuttal_rate=n / 20) for n in range(19)]
    others.append(held(0, "short", words=20, arguments__rebuttal_rate=0.9))
    few = follow(own, others)
    assert (few.cohort_size, trend(few).cohort_percentile.value) == (19, None)
    others.append(held(0, "p19", arguments__rebuttal_rate=0.95))
    enough = trend(follow(own, others)).cohort_percentile
    # The own median is 0.3: of 20 others six are below, and one is the same
    assert (enough.value, enough.sample_size) == (32.5, 20)
    by_model = [replace(each, makers={**LOCAL, "arguments": "openai m"}) for each in others]
    assert trend(follow(own, by_model)).cohort_percentile.value is None


def place(number: int, kind: str, count: int = 2) -> dict[str, tuple[Passage, ...]]:
    return {kind: tuple(Passage(f"c{number}", f"t{turn}", 0, 9) for turn in range(count))}


def test_steps_are_few_about_what_got_worse_and_each_shows_where() -> None:
    own = [
        held(
            number,
            passages={
                **place(number, "left_claims"),
                **place(number, "bare_claims"),
                **place(number, "open_questions"),
                **place(number, "quality.cogency"),
            },
            arguments__rebuttal_rate=0.9 - number / 10,
            arguments__pursue_opponent=0.9 - number / 10,
            arguments__claim_support=0.5 if number < 5 else 0.2,
            interaction__uptake=0.1 + number / 10,
            quality__cogency=4 - number / 2,
            interaction__impoliteness=number / 10,
        )
        for number in range(6)
    ]
    steps = follow(own).next_steps
    assert 0 < len(steps) <= MOST_STEPS
    # Declines come first; what got better, and what has nothing to point to, is no step
    assert {step.metric for step in steps[:2]} <= {
        "arguments.pursue_opponent",
        "arguments.rebuttal_rate",
        "quality.cogency",
    }
    assert "interaction.uptake" not in {step.metric for step in steps}
    assert "interaction.impoliteness" not in {step.metric for step in steps}
    passages = [passage for step in steps for passage in step.passages]
    assert all(1 <= len(step.passages) <= 3 for step in steps)
    assert len(set(passages)) == len(passages)
    assert all(passage.conversation_id in ("c5", "c4", "c3") for passage in passages)
    assert all(step.feed_up and step.feed_back and step.feed_forward for step in steps)


def test_below_four_conversations_no_step_is_told_from_chance() -> None:
    own = [held(n, passages=place(n, "left_claims"), arguments__rebuttal_rate=0.9 - n / 3) for n in range(3)]
    found = follow(own)
    assert found.next_steps == ()
    assert "4 are needed" in found.narrative


def test_the_narrative_tells_the_verdicts_with_their_numbers() -> None:
    told = follow(rates(0.1, 0.2, 0.3, 0.4, 0.5)).narrative
    assert "Improving: the share of the opponents' claims that were answered, from 0.10 to 0.50." in told
    assert "Declining" not in told


def test_an_analysis_is_taken_apart_by_debater_with_places_that_are_there() -> None:
    debate = example("school_phones.json")
    analysis = analysis_of(debate)
    found = {each.participant_id: each for each in held_from_pb("phones", analysis)}
    debaters = {each.participant_id for each in debate.participants if each.role == "debater"}
    assert set(found) == debaters
    texts = {turn.turn_id: turn.text for turn in debate.turns}
    for each in found.values():
        assert each.words
        assert set(each.values) <= set(BY_NAME)
        assert {"linguistics.hedges", "interaction.uptake", "tone.mean"} <= set(each.values)
        assert each.makers["arguments"] == "local"
        for passages in each.passages.values():
            assert all(0 <= one.start < one.end <= len(texts[one.turn_id]) for one in passages)
    assert any(each.passages for each in found.values())


def test_an_empty_analysis_holds_nobody() -> None:
    assert held_from_pb("c", pb.DebateAnalysis()) == []


def test_equal_input_gives_equal_bytes() -> None:
    own = rates(0.1, 0.2, 0.3, 0.4, 0.5)
    first, second = (insights_to_pb(follow(own)).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_a_value_that_is_estimated_by_a_model_says_so() -> None:
    own = [
        replace(each, values={"quality.cogency": Metric(3.0 + n / 10, "1..5", 4, 0.9, Basis.LLM)})
        for n, each in enumerate(rates(0.1, 0.2, 0.3, 0.4))
    ]
    found = trend(follow(own), "quality.cogency")
    assert {found.slope.basis, found.baseline.basis, found.change.basis} == {Basis.LLM}
