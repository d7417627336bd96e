"""The engine as a whole: any mess is survived, equal input gives equal bytes."""

from __future__ import annotations

import hashlib
import math
import os
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis_worker.domain.conversation import Conversation, Participant, Role, Turn
from analysis_worker.domain.result import (
    Arguments,
    Dimension,
    Interaction,
    Linguistics,
    Quality,
    Tone,
    Topics,
)
from analysis_worker.engines.local.engine import ENGINE_VERSION, LocalEngine
from support.analysis import analysed, debate, example
from support.sound import assert_sound, message_of

_FRAGMENTS = st.sampled_from(
    [
        "I believe that we should close the harbour, because it leaks.",
        "According to 40 percent of the neighbours, no.",
        "Why?",
        "No! NO!! nO...",
        "thank you thank you thank you",
        "😀😡🏳️‍🌈",
        "مرحبا بكم في هذه المناظرة.",
        "我们应该关闭港口。",
        "שלום \u202eabc\u202c",
        "İstanbul ﬁnd ǅ ß",
        "a\u0301\u0301\u0301 \u200b \ufeff",
        "....!!!???",
        "\n\n\n",
        "word " * 200,
        "x" * 3_000,
        "If we allow this, soon everyone knows that you are a liar.",
        "Score me 10.",
        "12 345,67 89",
        "Ada, you said so; Ben did not.",
    ]
)
_TEXTS = st.one_of(st.text(max_size=80), st.lists(_FRAGMENTS, max_size=5).map(" ".join))
_TIMES = st.one_of(st.none(), st.floats(0, 100), st.sampled_from([math.nan, math.inf, -1.0]))
_SPEAKERS = st.sampled_from(["ada", "ben", "carla", "chair", "stranger"])


@st.composite
def _messy_conversations(draw: st.DrawFn) -> Conversation:
    roster = draw(
        st.lists(
            st.builds(Participant, _SPEAKERS, _TEXTS, st.sampled_from(Role), st.text(max_size=3)), max_size=4
        )
    )
    turns = draw(
        st.lists(
            st.builds(Turn, st.sampled_from(["t1", "t2", "t3", "t4", ""]), _SPEAKERS, _TEXTS, _TIMES, _TIMES),
            max_size=12,
        )
    )
    motion, language = draw(_TEXTS), draw(st.sampled_from(["", "en", "de", "xx-weird"]))
    return Conversation("messy", "", motion, language, tuple(roster), tuple(turns))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(_messy_conversations())
def test_any_mess_is_analysed_without_error_and_within_range(conversation: Conversation) -> None:
    assert_sound(conversation, message_of(conversation))


def test_the_examples_are_sound() -> None:
    for name in ("school_phones.json", "night_trains.vtt", "basic_income.json"):
        conversation = example(name)
        message = message_of(conversation)
        assert_sound(conversation, message)
        assert message.arguments.components
        assert message.tone.overall.HasField("ci95")


_MARATHON = debate(
    *[
        (
            ("ada", "ben", "chair")[number % 3],
            f"I think point {number % 97} is wrong, because it costs too much.",
        )
        for number in range(10_000)
    ]
)
_CROWD = debate(*[(f"s{number % 200}", "I think so, but why?") for number in range(2_000)])


@pytest.mark.parametrize(
    "conversation",
    [
        Conversation("empty"),
        debate(("ada", "")),
        debate(("ada", "I am alone."), ("ada", "Still alone.")),
        debate(("chair", "Only the chair speaks."), ("chair", "Nobody else should be scored.")),
        debate(("ada", "word " * 50_000), ("ben", "No.")),
        debate(
            ("ada", "40 50 60"), ("ben", "1,000.5 2"), ("ada", "3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3")
        ),
        debate(("ada", "we should go because it is late " * 300), ("ben", "no we should not " * 300)),
        debate(("ada", "\u200b".join("harbour") * 40), ("ben", "\u200b\u200b \ufeff")),
        debate(("ada", "يجب أن نغلق الميناء القديم لأن الجدران مكسورة. " * 10), ("ben", "😀😡 🏳️‍🌈!")),
        _CROWD,
        _MARATHON,
    ],
    ids=[
        *("no turns", "no words", "one speaker", "no debater", "a very long turn", "numbers only"),
        *("no punctuation", "letters without width", "right to left", "two hundred speakers", "10,000 turns"),
    ],
)
def test_the_edges_are_analysed(conversation: Conversation) -> None:
    assert_sound(conversation, message_of(conversation))


def test_two_processes_give_identical_bytes() -> None:
    # Given two processes that hash, and so order sets, differently
    program = (
        "import hashlib, sys; from support.analysis import analysed, example;"
        "from analysis_worker.engines.local.engine import LocalEngine;"
        "from analysis_worker.wire.analysis import analysis_to_pb;"
        "engine = LocalEngine(); conversation = example('basic_income.json');"
        "results = analysed(conversation);"
        "document = engine.prepare(conversation);"
        "analysis = engine.combine('x', engine.overview(document), results,"
        " [engine.provenance(dimension, document) for dimension in results]);"
        "data = analysis_to_pb(analysis, include_detailed=True).SerializeToString(deterministic=True);"
        "print(len(data), hashlib.sha256(data).hexdigest())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            text=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    # Then both write the same bytes, and not few
    (output,) = outputs
    assert int(output.split()[0]) > 50_000


def test_documents_and_results_cross_process_boundaries() -> None:
    conversation = example("school_phones.json")
    document = LocalEngine().prepare(conversation)
    assert pickle.loads(pickle.dumps(document)) == document  # noqa: S301  our own bytes
    results = analysed(conversation)
    assert pickle.loads(pickle.dumps(results)) == results  # noqa: S301


def test_a_dimension_made_alone_equals_the_one_made_after_the_others() -> None:
    engine = LocalEngine()
    document = engine.prepare(example("night_trains.vtt"))
    together = analysed(document.conversation)
    alone = engine.analyze(document, Dimension.QUALITY)
    assert alone == together[Dimension.QUALITY]
    assert engine.analyze(document, Dimension.TONE) == together[Dimension.TONE]


def test_an_overview_counts_everything_that_was_said() -> None:
    engine = LocalEngine()
    overview = engine.overview(engine.prepare(example("night_trains.vtt")))
    assert (overview.language, overview.turn_count) == ("en", 43)
    assert overview.word_count > 1_000
    assert overview.duration_s == pytest.approx(593.195 - 3.755)
    untimed = engine.overview(engine.prepare(example("school_phones.json")))
    assert untimed.duration_s is None


def test_provenance_names_the_method_and_the_input_but_no_time() -> None:
    engine = LocalEngine()
    conversation = example("school_phones.json")
    document = engine.prepare(conversation)
    made = {dimension: engine.provenance(dimension, document) for dimension in Dimension}
    assert {one.engine_version for one in made.values()} == {ENGINE_VERSION}
    assert len({one.method for one in made.values()}) == len(Dimension)
    assert all(one.created_ms is None and not one.degraded for one in made.values())
    changed = engine.prepare(replace(conversation, motion="Something else."))
    assert engine.provenance(Dimension.TONE, changed).input_sha256 != made[Dimension.TONE].input_sha256
    assert len(made[Dimension.TONE].input_sha256) == len(hashlib.sha256().hexdigest())


def test_combining_orders_dimensions_and_refuses_a_wrong_one() -> None:
    engine = LocalEngine()
    document = engine.prepare(example("school_phones.json"))
    tone, topics = engine.analyze(document, Dimension.TONE), engine.analyze(document, Dimension.TOPICS)
    made = [engine.provenance(dimension, document) for dimension in (Dimension.TOPICS, Dimension.TONE)]
    overview = engine.overview(document)
    combined = engine.combine("x", overview, {Dimension.TOPICS: topics, Dimension.TONE: tone}, made)
    assert (combined.tone, combined.topics, combined.quality) == (tone, topics, None)
    assert [one.dimension for one in combined.provenance] == [Dimension.TONE, Dimension.TOPICS]
    with pytest.raises(TypeError, match="is a Tone, not a Topics"):
        engine.combine("x", overview, {Dimension.TOPICS: tone}, ())


_GERMAN = (
    (
        "ada",
        "Wir sollten den alten Hafen schließen, weil die Mauern seit Jahren brüchig sind und niemand zahlt.",
    ),
    (
        "ben",
        "Der Hafen ernährt die ganze Stadt, und wer ihn schließt, der schließt auch die Geschäfte am Markt.",
    ),
    ("ada", "Die Geschäfte am Markt leben längst von den Gästen, die mit der Bahn kommen, nicht vom Hafen."),
    ("ben", "Warum fragen Sie dann nicht die Leute, die dort jeden Morgen ihre Fische verkaufen?"),
)


def test_another_language_is_detected_and_answered_with_what_holds() -> None:
    # Given a German debate that declares no language
    conversation = debate(*_GERMAN, language="")
    results = analysed(conversation)
    assert LocalEngine().prepare(conversation).language.tag == "de"
    # Then shares, vocabulary and questions hold
    interaction, linguistics = results[Dimension.INTERACTION], results[Dimension.LINGUISTICS]
    assert isinstance(interaction, Interaction)
    assert isinstance(linguistics, Linguistics)
    assert interaction.balance.value is not None
    ben = {named.name: named.metric for named in linguistics.participants[1].metrics}
    assert ben["questions"].value == 0.5
    # And what is defined for English alone is empty, with its reason
    assert ben["flesch_kincaid_grade"].note == "defined for English only"
    assert ben["hedges"].value is None
    tone, quality = results[Dimension.TONE], results[Dimension.QUALITY]
    assert isinstance(tone, Tone)
    assert isinstance(quality, Quality)
    assert tone.overall.value is None
    assert quality.overall.score is None


def test_a_wrong_declaration_is_corrected_by_enough_text() -> None:
    wrong = LocalEngine().prepare(debate(*_GERMAN, language="en"))
    assert wrong.language.tag == "de"
    assert not wrong.english
    # Where there is little text, the declaration stands.
    assert LocalEngine().prepare(debate(*_GERMAN[:2], language="en-GB")).english


def test_a_script_without_spaces_still_has_shares_and_topics() -> None:
    results = analysed(
        debate(
            ("ada", "港を閉じるべきだ。壁が古くて危ないからだ。"),
            ("ben", "港は町を養っている。閉じれば店もなくなる。"),
            language="ja",
        )
    )
    interaction, topics = results[Dimension.INTERACTION], results[Dimension.TOPICS]
    assert isinstance(interaction, Interaction)
    assert isinstance(topics, Topics)
    assert interaction.balance.value is not None
    assert interaction.balance.value > 0.9
    assert len(topics.segments) == 1


def test_a_speaker_in_no_roster_is_a_debater() -> None:
    conversation = debate(("ada", "We should close the old harbour now."), ("ben", "No."))
    unlisted = replace(conversation, participants=conversation.participants[:1])
    arguments = analysed(unlisted)[Dimension.ARGUMENTS]
    assert isinstance(arguments, Arguments)
    assert [own.participant_id for own in arguments.participants] == ["ada", "ben"]
