"""Whatever a model answers, what is kept of it obeys the rules, and makes a result that holds together."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.domain.result import Arguments, Dimension, Tone
from analysis_worker.engines.local.engine import LocalEngine
from analysis_worker.engines.openai.outbound import Window, outbound_of, windows
from analysis_worker.engines.openai.schemas import ArgumentsAnswer, SaidRating
from analysis_worker.engines.openai.tone import (
    NotBelieved,
    SaidValence,
    ToneAnswer,
    check_tone,
    tone_by_model,
)
from analysis_worker.engines.openai.topics import (
    SaidSegment,
    TopicsAnswer,
    WindowTopics,
    check_topics,
    topics_by_model,
)
from support.analysis import debate, example

SAID = example("school_phones.json")
ENGINE = LocalEngine()
DOCUMENT = ENGINE.prepare(SAID)
DEBATE = outbound_of(SAID, b"secret")
PARTS = windows(DEBATE, 600)
SIDS = st.sampled_from([line.sid for line in DEBATE.lines]) | st.text(max_size=3)
LABELS = st.sampled_from(["phones in school", "the teachers", "S1", "[PERSON_1]", "gold"]) | st.text(
    max_size=70
)


@given(st.lists(st.builds(SaidValence, sid=SIDS, valence=st.integers(-9, 9)), max_size=60))
def test_valences_that_are_kept_are_of_debaters_in_range_and_once(said: list[SaidValence]) -> None:
    window = PARTS[0]
    checked = check_tone(DEBATE, window, ToneAnswer(sentences=said))
    kept = checked.answer.sentences
    assert len({each.sid for each in kept}) == len(kept)
    assert all(-4 <= each.valence <= 4 for each in kept)
    debaters = {line.sid for line in window.lines if line.speaker in DEBATE.debaters}
    assert {each.sid for each in kept} <= debaters
    # Each sentence is judged, or counted as one that is not
    assert len(checked.violations) >= len(debaters) - len(kept)
    assert checked.items == len(kept) + len(checked.violations)


@given(st.lists(st.lists(st.integers(-4, 4), min_size=1, max_size=9), min_size=1, max_size=9))
def test_any_valences_make_a_tone_in_range(pattern: list[list[int]]) -> None:
    base = ENGINE.analyze(DOCUMENT, Dimension.TONE)
    assert isinstance(base, Tone)
    own = [line for line in DEBATE.lines if line.speaker in DEBATE.debaters]
    flat = [valence for row in pattern for valence in row]
    said = [SaidValence(sid=line.sid, valence=flat[n % len(flat)]) for n, line in enumerate(own)]
    try:
        made = tone_by_model(base, DEBATE, (ToneAnswer(sentences=said),), DOCUMENT)
    except NotBelieved:
        return
    assert sum(point.sample_size for point in made.series) == len(own)
    assert all(-1 <= point.valence <= 1 and abs(point.valence) <= point.intensity for point in made.series)


@given(
    st.lists(
        st.lists(st.builds(SaidSegment, first=SIDS, label=LABELS, coherence=st.integers(-1, 5)), max_size=12),
        min_size=len(PARTS),
        max_size=len(PARTS),
    )
)
def test_any_topics_cover_the_debate_in_order(said: list[list[SaidSegment]]) -> None:
    checked = [
        check_topics(DEBATE, window, TopicsAnswer(segments=segments))
        for window, segments in zip(PARTS, said, strict=True)
    ]
    for window, each in zip(PARTS, checked, strict=True):
        order = [line.sid for line in window.lines]
        places = [order.index(segment.first) for segment in each.answer.segments]
        assert places == sorted(set(places))
    found = tuple(
        WindowTopics(each.answer, window.lines[0].sid, window.lines[-1].sid)
        for window, each in zip(PARTS, checked, strict=True)
    )
    made = topics_by_model(DEBATE, found, DOCUMENT)
    order = [turn.turn_id for turn in SAID.turns]
    firsts = [order.index(segment.first_turn_id) for segment in made.segments]
    lasts = [order.index(segment.last_turn_id) for segment in made.segments]
    assert firsts[0] == 0
    assert [last + 1 for last in lasts] == [*firsts[1:], len(order)]
    assert not [segment for segment in made.segments if "[" in segment.label]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("नदी का पानी बहुत साफ़ है। हम नदी में तैरते हैं।", "नदी का पानी"),
        ("我们应该在城里多种一些树，因为夏天太热了。", "在城里多种一些树因为"),
        ("النهر جميل في الصيف. نحن نسبح في النهر.", "النهر في الصيف"),
        ("Des arbres en ville rafraîchissent les rues en été.", "arbres et rues en été"),
    ],
)
def test_a_label_may_be_in_any_script(text: str, label: str) -> None:
    outbound = outbound_of(debate(("ann", text), ("bob", text)), b"secret")
    window = Window(outbound.lines)
    said = SaidSegment(first=outbound.lines[0].sid, label=label, coherence=2)
    assert check_topics(outbound, window, TopicsAnswer(segments=[said])).violations == ()


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PARTS_OF_QUALITY = st.sampled_from(["cogency", "effectiveness", "reasonableness", "deliberation"])
COMPONENTS = st.lists(st.fixed_dictionaries({"sid": WORDS, "kind": st.sampled_from(["claim", "premise"])}))


@given(COMPONENTS, st.lists(WORDS, max_size=3), PARTS_OF_QUALITY, st.integers())
def test_answers_are_the_same_in_another_process(
    components: list[dict[str, str]], words: list[str], part: str, score: int
) -> None:
    whys = [{"why": why, "sid": why, "kind": "red_herring"} for why in words]
    argued = ArgumentsAnswer.model_validate({"components": components, "relations": [], "fallacies": whys})
    rated = SaidRating.model_validate(
        {"speaker": "S1", "part": part, "why": "".join(words), "sids": words, "score": score}
    )
    for said in (argued, rated):
        assert pickle.loads(pickle.dumps(said)) == said  # noqa: S301 - made here


def test_claims_are_the_same_in_another_process() -> None:
    made = ENGINE.analyze(DOCUMENT, Dimension.ARGUMENTS)
    assert isinstance(made, Arguments)
    assert made.components
    assert made.relations
    there = pickle.loads(pickle.dumps(made))  # noqa: S301 - made here
    assert there == made
    assert repr(there) == repr(made)
