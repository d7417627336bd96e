"""Placeholders are stable, lead back, and nothing known gets out beside them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis_worker.domain.conversation import Conversation, Participant, Turn
from analysis_worker.privacy.placeholders import OriginalInPayload, UnknownPlaceholder
from analysis_worker.privacy.redaction import redact

PEOPLE = (
    Participant("ada-1", "Ada Oyelaran", side="for"),
    Participant("ben-2", "Ben Quispe", side="against"),
)


def conversation(*said: str) -> Conversation:
    turns = tuple(Turn(f"t{n}", PEOPLE[n % 2].participant_id, text) for n, text in enumerate(said))
    return Conversation("secret-id", "Ada against Ben", "We trust Ms. Vandersloot", "en", PEOPLE, turns)


def test_the_same_person_and_number_have_one_placeholder_in_all_turns() -> None:
    redacted = redact(
        conversation(
            "Ben, call me on 212-555-0142.", "I will, Ada Oyelaran. 212-555-0142, and ask Ms. Vandersloot?"
        )
    )
    first, second = (turn.text for turn in redacted.turns)
    assert first == "[S2], call me on [PHONE_1]."
    assert second == "I will, [S1]. [PHONE_1], and ask Ms. [PERSON_1]?"
    assert redacted.conversation.title == "[S1] against [S2]"
    assert redacted.conversation.motion == "We trust Ms. [PERSON_1]"
    assert [turn.participant_id for turn in redacted.conversation.turns] == ["S1", "S2"]
    assert redacted.counts == {"PERSON": 6, "PHONE": 2}


def test_what_was_replaced_comes_back() -> None:
    said = "Ada Oyelaran wrote to ben@example.org from 203.0.113.7."
    redacted = redact(conversation(said))
    assert redacted.map.restore(redacted.turns[0].text) == said


def test_a_placeholder_that_was_made_up_is_refused() -> None:
    redacted = redact(conversation("Hello, Ben."))
    with pytest.raises(UnknownPlaceholder, match=r"\[PERSON_77\]"):
        redacted.map.restore("as [PERSON_77] said")


def test_what_looks_like_a_placeholder_is_replaced_too() -> None:
    said = "I am [S1], and you are [PERSON_1]."
    redacted = redact(conversation(said))
    assert "[S1]" not in redacted.turns[0].text
    assert redacted.map.restore(redacted.turns[0].text) == said


@pytest.mark.parametrize(
    "leak",
    [
        "Ada Oyelaran",
        "ADA OYELARAN",
        "Ada\u00a0Oyelaran",
        "ada-oyelaran",
        "Quispe",
        "212 555 01 42",
        "oye\u200blaran",
        json.dumps({"text": "Vándersloot said"}),
    ],
)
def test_a_payload_with_a_known_original_is_stopped_without_naming_it(leak: str) -> None:
    redacted = redact(conversation("Call 212-555-0142, said Ms. Vandersloot.", "Quispe here."))
    for payload in (leak, leak.encode()):
        with pytest.raises(OriginalInPayload) as raised:
            redacted.map.assert_clean(payload)
        assert "Oyelaran" not in str(raised.value)
        assert raised.value.placeholder in str(raised.value)


def test_a_payload_that_was_clean_is_stopped_once_it_holds_what_was_found_since() -> None:
    placeholders = redact(Conversation("c", turns=(Turn("t", "a", "We should wait."),))).map
    payload = "Ask Larkspur about it."
    placeholders.assert_clean(payload)
    placeholders.assert_clean(payload)
    placeholders.put("Larkspur", "PERSON")
    with pytest.raises(OriginalInPayload):
        placeholders.assert_clean(payload)


def test_spans_of_the_redacted_text_lead_to_the_original() -> None:
    said = "Well, Ada Oyelaran is right about the harbour."
    turn = redact(conversation(said)).turns[0]
    start = turn.text.index("is right")
    assert said[slice(*turn.original_span(start, start + 8))] == "is right"
    assert said[slice(*turn.original_span(0, len(turn.text)))] == said
    inside = turn.text.index("[S1]") + 2
    assert said[slice(*turn.original_span(inside, inside + 1))] == "Ada Oyelaran"


@given(st.lists(st.text(max_size=80), min_size=1, max_size=4))
def test_any_conversation_is_redacted_clean_and_comes_back(said: list[str]) -> None:
    redacted = redact(conversation(*said))
    for text, turn in zip(said, redacted.turns, strict=True):
        for start, end, was_start, was_end in turn.replaced:
            assert redacted.map.originals[turn.text[start:end]] is not None
            assert 0 <= was_start < was_end <= len(text)
        assert turn.original_span(0, len(turn.text)) == (0, len(text))
        redacted.map.assert_clean(turn.text)


#: Names whole, in parts and in small letters, words that are names as well, numbers, and what stands between.
_SAYABLE = """
    Ada Quispe Oyelaran-Tamm-Vandersloot Tamm vandersloot Dr. Mr. Ross Ostrova May White His Holiness will the
    a said , . - – ' 212-555-0142 212 555 0142 ext [S1] [PERSON_1] zoe@example.org @zoe and Straße STRASSE
    Núñez nunez Ⅷ ½ İ
"""
_SAID = st.lists(st.sampled_from([*_SAYABLE.split(), "Oye\u200blaran"]), min_size=1, max_size=14)


@example([(["212", "0142"], " "), (["the", "212", "0142", "Quispe"], "")])
@given(st.lists(st.tuples(_SAID, st.sampled_from(["", " "])), min_size=1, max_size=4))
def test_what_was_found_in_one_turn_is_left_in_none(said: list[tuple[list[str], str]]) -> None:
    texts = [between.join(words) for words, between in said]
    redacted = redact(conversation(*texts))
    for turn in redacted.turns:
        redacted.map.assert_clean(turn.text)


@pytest.mark.parametrize(
    "said",
    [
        # One and the same name, with an article and without, opening a sentence and not.
        (
            "It is the Quispe-Ostrova-Tamm plan, he said.",
            "Yes, Quispe-Ostrova-Tamm was better than the Tamm.",
        ),
        ("I spoke with Ross Ostrova.", "Well. Ross Ostrova has it. It is gone, Ross, that is done."),
        ("I met His Eminence Ostrova.", "and so - His Eminence, that is. His own view is another."),
    ],
)
def test_a_name_that_is_told_in_one_place_does_not_hold_the_debate_back(said: tuple[str, str]) -> None:
    redacted = redact(conversation(*said))
    for turn in redacted.turns:
        redacted.map.assert_clean(turn.text)
    assert "Ostrova" not in "".join(turn.text for turn in redacted.turns)


def test_a_reading_of_all_names_leaves_none_in_the_payload() -> None:
    said = (
        "I met Ximena Quispe, Dr. Vandersloot and his brother Piet Vandersloot.",
        "vandersloot again? And XIMENA! You can mail x.quispe@example.org, Mr Oyelaran.",
    )
    redacted = redact(conversation(*said))
    payload = json.dumps([turn.text for turn in redacted.turns])
    redacted.map.assert_clean(payload)
    for name in ("vandersloot", "ximena", "quispe", "oyelaran"):
        assert name not in payload.lower()


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_same_conversation_has_the_same_map_in_any_process(seed: str) -> None:
    # The map is not kept: a worker that takes up a paid answer of another makes it again.
    said = ("Ada and Ms. Vandersloot wrote to ben@example.org.", "Call 212-555-0142 or 212-555-0143, Ada.")
    program = (
        "import json, sys\n"
        "from analysis_worker.domain.conversation import Conversation, Participant, Turn\n"
        "from analysis_worker.privacy.redaction import redact\n"
        "turns = tuple(Turn(f't{n}', 'p', text) for n, text in enumerate(json.loads(sys.argv[1])))\n"
        "people = (Participant('p', 'Ada Oyelaran'),)\n"
        "print(json.dumps(redact(Conversation('c', '', '', 'en', people, turns)).map.originals))\n"
    )
    other = subprocess.run(
        [sys.executable, "-c", program, json.dumps(said)],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        check=True,
    )
    people = (Participant("p", "Ada Oyelaran"),)
    turns = tuple(Turn(f"t{n}", "p", text) for n, text in enumerate(said))
    here = redact(Conversation("c", "", "", "en", people, turns)).map.originals
    assert list(json.loads(other.stdout).items()) == list(here.items())
    assert {"[EMAIL_1]", "[PHONE_1]", "[PHONE_2]"} <= here.keys()


def test_a_map_shows_no_original_where_it_is_printed() -> None:
    redacted = redact(conversation("Ms. Vandersloot wrote to zoe@example.org."))
    assert redacted.map.originals["[EMAIL_1]"] == "zoe@example.org"
    shown = f"{redacted.map!r} {redacted!r}"
    for original in ("Vandersloot", "zoe@example.org", "Oyelaran", "Quispe", "ada-1"):
        assert original not in shown


@pytest.mark.parametrize("leak", ["oyelaran", "Quispe!", "ben-2"])
def test_a_participant_who_was_never_named_is_looked_for_as_well(leak: str) -> None:
    redacted = redact(conversation("Nobody is named here."))
    with pytest.raises(OriginalInPayload):
        redacted.map.assert_clean(f"so said {leak}")


def test_a_participant_called_like_a_word_does_not_block_every_payload() -> None:
    people = (Participant("moderator", "Moderator"), Participant("will", "Will"))
    turns = (Turn("t1", "moderator", "Will the moderator do it?"),)
    redacted = redact(Conversation("c", "", "", "en", people, turns))
    redacted.map.assert_clean('{"role": "moderator", "text": "he will do it"}')
