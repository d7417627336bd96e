"""Claims name the topic in which they stand, also where two engines made them."""

from __future__ import annotations

from dataclasses import replace

from analysis_worker.domain.result import Arguments, Dimension, Topics
from analysis_worker.transcript.placing import placed
from support.analysis import analysed, example


def test_claims_are_placed_as_the_local_engine_places_its_own() -> None:
    said = example("basic_income.json")
    made = analysed(said)
    topics, argued = made[Dimension.TOPICS], made[Dimension.ARGUMENTS]
    assert isinstance(topics, Topics)
    assert isinstance(argued, Arguments)
    bare = replace(argued, components=tuple(replace(part, segment_id="") for part in argued.components))
    assert len({part.segment_id for part in argued.components}) > 1
    assert placed(bare, topics, [turn.turn_id for turn in said.turns]) == argued


def test_without_a_topic_there_is_none_to_name() -> None:
    made = analysed(example("basic_income.json"))
    topics, argued = made[Dimension.TOPICS], made[Dimension.ARGUMENTS]
    assert isinstance(topics, Topics)
    assert isinstance(argued, Arguments)
    bare = placed(argued, replace(topics, segments=()), [])
    assert {part.segment_id for part in bare.components} == {""}
