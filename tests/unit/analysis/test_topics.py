"""Topics change where the talk does, hold together where it does, and drift where it strays."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.domain.conversation import Conversation
from analysis_worker.domain.result import Topics
from analysis_worker.engines.local.document import prepare
from analysis_worker.engines.local.keywords import distinctive, distinctive_part
from analysis_worker.engines.local.segmentation import best_cuts
from analysis_worker.engines.local.topics import analyze_topics
from support.analysis import debate, example

_FISH = (
    "The river fish die when the river water is warm. Warm water holds too little oxygen for river fish.",
    "Anglers count fewer fish in the river each summer. The water level of the river falls as well.",
    "A fish ladder at the weir would let fish climb the river. The weir blocks the river for every fish.",
    "Cool water from the reservoir would help the fish. The reservoir could feed the river in summer.",
)
_CHOIR = (
    "The choir sings every Sunday in the church hall. A choir needs a hall with good acoustics to sing.",
    "Singers leave the choir because the hall is cold. A cold hall harms every voice in the choir.",
    "The hall could be heated for the choir and the singers. Heating the hall costs less than a new hall.",
    "Tickets for the choir concert would pay for the hall. The concert brings singers to the hall.",
)


def _two_topics(*, between: str = "") -> Conversation:
    said = [(("ada", "ben")[number % 2], text) for number, text in enumerate(_FISH)]
    said += [("chair", between)] if between else []
    said += [(("ada", "ben")[number % 2], text) for number, text in enumerate(_CHOIR)]
    return debate(*said, motion="The river needs a fish ladder.")


def _value(topics: Topics) -> float:
    assert topics.coherence.value is not None
    return topics.coherence.value


def test_vectors_are_cut_where_they_change() -> None:
    # Given three stretches that point in three directions
    vectors = np.repeat(np.eye(3), [4, 6, 5], axis=0)
    # When any row may begin a stretch, the cuts are where the direction changes
    assert best_cuts(vectors, range(15), [0.0] * 15, 3) == [0, 4, 10]
    # And only at places that are allowed
    assert best_cuts(vectors, [0, 3, 11], [0.0] * 3, 3) == [0, 3, 11]
    # And there are no more than there are places
    assert best_cuts(vectors, [0], [0.0], 3) == [0]


def test_a_favoured_place_wins_over_its_neighbour() -> None:
    vectors = np.repeat(np.eye(2), [5, 5], axis=0)
    assert best_cuts(vectors, [0, 5, 6], [0.0, 0.0, 0.0], 2) == [0, 5]
    assert best_cuts(vectors, [0, 5, 6], [0.0, 0.0, 0.5], 2) == [0, 6]


def test_a_single_odd_row_is_no_stretch_of_its_own() -> None:
    vectors = np.eye(2)[[0] * 10 + [1] + [0] * 9]
    cuts = best_cuts(vectors, range(20), [0.0] * 20, 3)
    assert len(cuts) == 3
    assert min(later - earlier for earlier, later in pairwise([*cuts, 20])) > 1


def test_sentences_with_nothing_in_common_have_no_coherence() -> None:
    """Two of them alone are as far apart as two can be, however short the segment."""
    apart = (("ada", "Herring migrate northwards."), ("ben", "Sopranos dislike draughty cathedrals."))
    assert _value(analyze_topics(prepare(debate(*apart)))) == 0


def test_a_debate_on_two_things_has_a_boundary_between_them() -> None:
    # Given eight turns on fish, and then eight on a choir, with room for a cut
    said = [
        (("ada", "ben")[number % 2], text) for number, text in enumerate((*_FISH, *_FISH, *_CHOIR, *_CHOIR))
    ]
    topics = analyze_topics(prepare(debate(*said)))
    # Then one segment begins where the choir does
    assert "t9" in {segment.first_turn_id for segment in topics.segments}
    by_start = {segment.first_turn_id: segment for segment in topics.segments}
    assert "choir" in by_start["t9"].keywords
    assert topics.segments[0].keywords[0] in {"river", "fish", "water"}


def test_a_moderators_announcement_opens_a_segment() -> None:
    said = [(("ada", "ben")[number % 2], text) for number, text in enumerate((*_FISH, *_FISH))]
    said.append(("chair", "Thank you. Let me move us on to the choir and its hall."))
    said += [(("ada", "ben")[number % 2], text) for number, text in enumerate((*_CHOIR, *_CHOIR))]
    segments = analyze_topics(prepare(debate(*said))).segments
    assert ("t9", "agenda") in {(segment.first_turn_id, segment.boundary_basis) for segment in segments}


def test_segments_follow_each_other_without_gap() -> None:
    conversation = example("basic_income.json")
    order = [turn.turn_id for turn in conversation.turns]
    segments = analyze_topics(prepare(conversation)).segments
    assert segments[0].first_turn_id == order[0]
    assert segments[-1].last_turn_id == order[-1]
    for earlier, later in pairwise(segments):
        assert order.index(later.first_turn_id) == order.index(earlier.last_turn_id) + 1


def test_shuffling_the_turns_lowers_coherence() -> None:
    # Given a debate on one thing and then another
    first, second = example("school_phones.json"), example("night_trains.vtt")
    both = replace(first, turns=(*first.turns, *second.turns))
    in_order = _value(analyze_topics(prepare(both)))
    # When its turns are shuffled, it holds together less, however they fall
    for seed in range(5):
        turns = list(both.turns)
        random.Random(seed).shuffle(turns)
        assert _value(analyze_topics(prepare(replace(both, turns=tuple(turns))))) < in_order


def test_what_strays_from_the_motion_drifts() -> None:
    said = [
        (("ada", "ben")[number % 2], text) for number, text in enumerate((*_FISH, *_FISH, *_CHOIR, *_CHOIR))
    ]
    topics = analyze_topics(prepare(debate(*said, motion="The river needs a fish ladder at the weir.")))
    drifts = [point.drift for point in topics.drift_series]
    assert drifts[0] < 0.6 < drifts[-1]


def test_a_question_that_no_debater_takes_up_is_unanswered() -> None:
    # Given a question that opens a segment and is passed over
    question = "What would the harbour festival cost the taxpayers of this village?"
    ignored = analyze_topics(prepare(debate(("chair", question), ("ada", _FISH[0]), ("ben", _FISH[1]))))
    taken_up = analyze_topics(
        prepare(debate(("chair", question), ("ada", "The festival costs little."), ("ben", _FISH[1])))
    )
    assert [segment.unanswered for segment in ignored.segments] == [True]
    assert [segment.unanswered for segment in taken_up.segments] == [False]


def test_focus_adds_up_to_all_that_a_debater_said() -> None:
    topics = analyze_topics(prepare(example("night_trains.vtt")))
    for who in ("yara-lindenau", "corwin-tasker", "mireille-ostrander"):
        shares = [focus.share for focus in topics.focus if focus.participant_id == who]
        assert abs(sum(shares) - 1) < 0.001


def test_a_distinctive_term_is_neither_rare_nor_everywhere() -> None:
    own = Counter({"river": 8, "the": 20, "salmon": 1})
    other = Counter({"choir": 8, "the": 20, "salmon": 1})
    assert distinctive(own, other, 1) == ("river",)
    assert "the" not in distinctive(own, other, 10)
    assert distinctive(own, Counter(), 2) == ("the", "river")
    assert distinctive(Counter(), other, 2) == ()


COUNTS = st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 9)).map(Counter)


@given(COUNTS, COUNTS, st.integers(1, 8))
def test_a_part_is_told_from_its_whole_as_from_the_rest(
    own: Counter[str], rest: Counter[str], limit: int
) -> None:
    assert distinctive_part(own, own + rest, limit) == distinctive(own, rest, limit)


def test_where_nothing_was_said_there_are_no_topics() -> None:
    topics = analyze_topics(prepare(debate(("ada", ""), ("ben", "  "))))
    assert topics.segments == ()
    assert topics.coherence.value is None
    assert topics.coherence.note == "nothing was said"


def _open(*said: tuple[str, str]) -> list[str]:
    topics = analyze_topics(prepare(debate(*said)))
    return [question.evidence.quote for question in topics.unanswered_questions]


def test_a_question_that_ends_a_turn_and_meets_silence_is_open() -> None:
    question = "Who pays for the repair of the harbour wall?"
    aside = ("ben", "Our children deserve quiet evenings and clean parks.")
    assert _open(("ada", f"I have one thing to ask. {question}"), aside) == [question]
    # Taken up, or answered in a word, it is not open; nor where nobody else spoke afterwards
    assert _open(("ada", question), ("ben", "The harbour office does.")) == []
    assert _open(("ada", question), ("ben", "No, and we never will.")) == []
    assert _open(aside, ("ada", question)) == []
    # Asked in passing, it is rhetoric
    assert _open(("ada", f"{question} Nobody knows. I do not know. You do not either."), aside) == []
