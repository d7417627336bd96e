"""A reflection is read for its signs and its depth, and never with more certainty than phrases allow."""

from __future__ import annotations

import pytest

from analysis_worker.domain.reflection import Depth
from analysis_worker.engines.local.reflection import analyze_reflection
from support.analysis import example

_TELLING = (
    "The debate took place on Tuesday in the main hall of the school. There were two speakers and a chair. "
    "The motion was about phones. It lasted forty minutes and then the audience went home by bus."
)
_UNDERSTANDING = _TELLING + " I think that a locker solves only a part of the problem with attention."
_RELATING = (
    "I was nervous when I had to answer the question about the medical case. It was difficult for me to find "
    "an example, and I noticed that my opponent used my own words. Next time I will prepare two examples."
)
_CHANGED = (
    "Before the debate I had always assumed that phones only distract. My opponent described the girl who "
    "checks her blood sugar, and I felt bad that I had missed it. I realised that a rule without exceptions "
    "is unjust, and it changed my mind about the locker. In future I will ask whom a rule hurts."
)


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        (_TELLING, Depth.HABITUAL_ACTION),
        (_UNDERSTANDING, Depth.UNDERSTANDING),
        (_RELATING, Depth.REFLECTION),
        (_CHANGED, Depth.CRITICAL_REFLECTION),
        ("It was fine.", Depth.UNKNOWN),
        ("", Depth.UNKNOWN),
    ],
)
def test_depth_follows_kembers_levels(text: str, depth: Depth) -> None:
    assert analyze_reflection(text).depth is depth


@pytest.mark.parametrize("text", [_TELLING, _RELATING, _CHANGED, _CHANGED * 50, ""])
def test_the_depth_is_never_more_than_half_sure(text: str) -> None:
    assert analyze_reflection(text).confidence <= 0.5


def test_every_sign_is_shown_where_it_stands() -> None:
    reading = analyze_reflection(_RELATING)
    signs = {sign.name: sign.evidence for sign in reading.indicators}
    assert {
        "feelings",
        "awareness_of_difficulties",
        "perspective",
        "lessons_learned",
        "future_intentions",
    } <= set(signs)
    for evidence in (one for found in signs.values() for one in found):
        assert evidence.turn_id == "reflection"
        assert _RELATING[evidence.start : evidence.end] == evidence.quote


def test_a_reflection_on_this_debate_is_better_grounded_than_one_on_another() -> None:
    debate = example("school_phones.json")
    on_topic = analyze_reflection(_CHANGED, debate, "odile").grounded_in_debate
    off_topic = analyze_reflection(
        "Our orchestra rehearsed a difficult symphony, and the violins missed their entrance twice.",
        debate,
        "odile",
    ).grounded_in_debate
    assert on_topic is not None
    assert off_topic is not None
    assert (on_topic.value or 0) > (off_topic.value or 0)


def test_without_a_debate_there_is_no_grounding() -> None:
    assert analyze_reflection(_CHANGED).grounded_in_debate is None


def test_the_questions_ask_for_what_is_missing() -> None:
    prompts = analyze_reflection(_TELLING, example("school_phones.json")).prompts
    assert len(prompts) == 3
    assert any("learn" in prompt or "know now" in prompt for prompt in prompts)
    assert analyze_reflection("").prompts == ()


def test_tone_is_that_of_the_reflection() -> None:
    glad = analyze_reflection("I was so happy and proud of this wonderful debate.").tone.value
    sad = analyze_reflection("I was sad and angry about this horrible, terrible debate.").tone.value
    assert glad is not None
    assert sad is not None
    assert glad > 0 > sad


def test_another_language_is_not_judged() -> None:
    reading = analyze_reflection(
        "Ich war sehr aufgeregt, als ich die Frage beantworten musste, und ich habe gemerkt, dass mir ein "
        "Beispiel fehlte. Beim nächsten Mal werde ich zwei vorbereiten und besser auf die anderen hören."
    )
    assert reading.depth is Depth.UNKNOWN
    assert reading.indicators == ()
    assert reading.tone.note == "the tone lexicon is English"


def test_equal_reflections_have_equal_digests_and_others_do_not() -> None:
    debate = example("school_phones.json")
    digests = {
        analyze_reflection(text, conversation, who).provenance.input_sha256
        for text, conversation, who in (
            (_CHANGED, None, None),
            (_CHANGED, debate, None),
            (_CHANGED, debate, "odile"),
            (_RELATING, debate, "odile"),
        )
    }
    assert len(digests) == 4
    assert analyze_reflection(_CHANGED) == analyze_reflection(_CHANGED)
