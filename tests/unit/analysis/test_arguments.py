"""Claims and premises are told from small talk, linked with care, and followed through the debate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis_worker.domain.result import Arguments, ComponentKind, RelationKind
from analysis_worker.engines.local.arguments import analyze_arguments
from analysis_worker.engines.local.document import prepare
from analysis_worker.engines.local.flow import flows
from analysis_worker.engines.local.topics import analyze_topics
from support.analysis import debate, example


def _kinds(arguments: Arguments) -> dict[str, ComponentKind]:
    return {component.evidence.quote: component.kind for component in arguments.components}


def test_a_claim_a_premise_and_a_courtesy_are_told_apart() -> None:
    claim = "I believe that the city should close the centre to cars."
    premise = "According to the council's own survey, 40 percent of the traffic was looking for parking."
    courtesy = "Thank you, good evening everyone."
    kinds = _kinds(
        analyze_arguments(prepare(debate(("ada", f"{courtesy} {claim} {premise}"), ("ben", "No."))))
    )
    assert kinds == {claim: ComponentKind.CLAIM, premise: ComponentKind.PREMISE}


def test_the_same_words_from_a_moderator_are_no_component() -> None:
    claim = "I believe that the city should close the centre to cars."
    arguments = analyze_arguments(prepare(debate(("chair", claim), ("ada", "Fine."), ("ben", "No."))))
    assert arguments.components == ()
    assert [own.participant_id for own in arguments.participants] == ["ada", "ben"]


def test_a_premise_supports_the_claim_next_to_it() -> None:
    text = (
        "I believe that the city should close the centre to cars. "
        "According to the council's own survey, 40 percent of the traffic was looking for parking."
    )
    arguments = analyze_arguments(prepare(debate(("ada", text), ("ben", "No."))))
    (relation,) = arguments.relations
    claim, premise = arguments.components
    assert (relation.source, relation.target) == (premise.component_id, claim.component_id)
    assert relation.kind is RelationKind.SUPPORT
    assert not relation.cross_turn
    assert arguments.participants[0].claim_support.value == 1


def test_a_contradiction_of_the_opponents_claim_is_a_suspected_attack() -> None:
    arguments = analyze_arguments(
        prepare(
            debate(
                ("ada", "I believe that cars should leave the old centre of our city."),
                (
                    "ben",
                    "But cars should not leave the centre, because the old centre lives on visitors in cars.",
                ),
            )
        )
    )
    attacks = [relation for relation in arguments.relations if relation.kind is RelationKind.ATTACK]
    assert len(attacks) == 1
    assert attacks[0].cross_turn
    assert 0 < attacks[0].confidence <= 0.25


def test_allies_neither_attack_nor_owe_each_other_an_answer() -> None:
    """In the two-a-side example nobody's claim waits for an answer from their own side."""
    conversation = example("basic_income.json")
    side = {person.participant_id: person.side for person in conversation.participants}
    arguments = analyze_arguments(prepare(conversation))
    speaker = {component.component_id: component.participant_id for component in arguments.components}
    attacks = [relation for relation in arguments.relations if relation.kind is RelationKind.ATTACK]
    assert attacks
    assert all(side[speaker[attack.source]] != side[speaker[attack.target]] for attack in attacks)


@pytest.mark.parametrize(("side_of_ben", "attacks"), [("for", 0), ("against", 1)])
def test_the_same_contradiction_is_an_attack_only_across_sides(side_of_ben: str, attacks: int) -> None:
    conversation = debate(
        ("ada", "I believe that cars should leave the old centre of our city."),
        ("ben", "But cars should not leave the centre, because the old centre lives on visitors in cars."),
        ("carla", "I will wait."),
    )
    sides = {"ada": "for", "ben": side_of_ben, "carla": "against"}
    conversation = replace(
        conversation,
        participants=tuple(
            replace(person, side=sides[person.participant_id]) for person in conversation.participants
        ),
    )
    arguments = analyze_arguments(prepare(conversation))
    assert sum(relation.kind is RelationKind.ATTACK for relation in arguments.relations) == attacks


def test_a_sentence_after_a_claim_is_more_likely_its_premise() -> None:
    claim, courtesy = "I believe that the city should close the centre to cars.", "Good evening."
    reason = "The council counted more bicycles near the bridge."

    def confidence(text: str) -> float:
        arguments = analyze_arguments(prepare(debate(("ada", text), ("ben", "No."))))
        return next(found.confidence for found in arguments.components if found.evidence.quote == reason)

    assert confidence(f"{claim} {reason}") > confidence(f"{courtesy} {reason}")


def test_points_of_the_openings_are_followed_through_the_discussion() -> None:
    # Given debaters whose first third of content, five words, is their opening
    ada = (
        "Harbour, quota, nets, trawlers, seagulls. "
        "Harbour quota winter storms coast danger bread price ladder stone."
    )
    ben = (
        "Tram, asphalt, tunnel, depot, signals. "
        "Harbour nets trawlers bread violin tram carpet lemon candle mirror."
    )
    flow = flows(prepare(debate(("ada", ada), ("ben", ben))))
    # Then Ada took up two of her own five points and none of Ben's, and Ben one of his own and three of hers
    assert flow["ada"].promote_own.value == 0.4
    assert flow["ada"].pursue_opponent.value == 0
    assert flow["ben"].promote_own.value == 0.2
    assert flow["ben"].pursue_opponent.value == 0.6


def test_a_claim_that_nobody_takes_up_is_dropped() -> None:
    ignored = "I believe that the harbour museum must be rebuilt before winter."
    answered = "I believe that the fishing quota should be doubled for small boats."
    arguments = analyze_arguments(
        prepare(
            debate(
                ("ada", f"{ignored} {answered}"),
                ("ben", "Doubling the quota for small boats would empty the sea of fish."),
                ("ada", "I see."),
                ("ben", "Good."),
            )
        )
    )
    quotes = {component.component_id: component.evidence.quote for component in arguments.components}
    dropped = {quotes[component_id] for component_id in arguments.dropped_claim_ids}
    assert ignored in dropped
    assert answered not in dropped
    ben = arguments.participants[1]
    assert ben.rebuttal_rate.value == 0.5
    assert ben.rebuttal_rate.sample_size == 2


def test_what_was_said_last_is_not_dropped() -> None:
    last = "I believe that the harbour museum must be rebuilt before winter."
    arguments = analyze_arguments(prepare(debate(("ada", "Good evening to all of you."), ("ben", last))))
    assert len(arguments.components) == 1
    assert arguments.dropped_claim_ids == ()


def test_components_name_their_topic_when_topics_are_known() -> None:
    document = prepare(example("night_trains.vtt"))
    topics = analyze_topics(document)
    known = {segment.segment_id for segment in topics.segments}
    assert {component.segment_id for component in analyze_arguments(document, topics).components} <= known
    assert {component.segment_id for component in analyze_arguments(document).components} == {""}


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("You are a liar, and the whole town has heard it.", "ad_hominem"),
        ("If we allow one kiosk on the beach, sooner or later there will be a casino.", "slippery_slope"),
        ("Everyone knows that this plan cannot work.", "appeal_to_popularity"),
        ("There are only two options: build it now or lose the coast.", "false_dilemma"),
        ("We have always done it with paper ballots.", "appeal_to_tradition"),
        ("That one case proves that all landlords cheat.", "hasty_generalization"),
    ],
)
def test_a_wording_that_gives_a_fallacy_away_is_suspected(sentence: str, kind: str) -> None:
    arguments = analyze_arguments(prepare(debate(("ada", sentence), ("ben", "I see."))))
    assert [(fallacy.kind, fallacy.participant_id) for fallacy in arguments.fallacies] == [(kind, "ada")]
    assert arguments.fallacies[0].evidence.quote == sentence
    assert arguments.fallacies[0].confidence < 0.5
    assert arguments.fallacies[0].why


@pytest.mark.parametrize(
    "sentence",
    [
        "You are right about the harbour.",
        "If we allow kiosks, the beach earns money.",
        "Everyone may know the plan by next week.",
        "There are two options that I would like to compare.",
        "We have always lived near the coast.",
    ],
)
def test_an_ordinary_sentence_is_not_suspected(sentence: str) -> None:
    assert analyze_arguments(prepare(debate(("ada", sentence), ("ben", "I see.")))).fallacies == ()


def test_in_another_language_nothing_is_counted() -> None:
    german = "Ich glaube, dass die Stadt das Zentrum für Autos sperren sollte, weil es dort zu laut ist."
    arguments = analyze_arguments(prepare(debate(("ada", german), ("ben", german), language="de")))
    assert arguments.components == ()
    for own in arguments.participants:
        assert own.claims.value is None
        assert own.rebuttal_rate.note == "the argument cues are English"
