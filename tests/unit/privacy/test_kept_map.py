"""A map that is kept goes on as it was: over later turns, other rosters and other detectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis_worker.domain.conversation import Conversation, Participant, Turn
from analysis_worker.privacy.names import NameMode
from analysis_worker.privacy.placeholders import PlaceholderMap
from analysis_worker.privacy.redaction import RedactedConversation, redact

ADA, BEN = Participant("ada-1", "Ada Oyelaran"), Participant("ben-2", "Ben Quispe")
FIRST = (
    "Ms. Vandersloot wrote to zoe@example.org, and Krzysztof called 212-555-0142.",
    "Ada, that was Tamsin Ostrova. I said May, not Krzysztof.",
)


def conversation(said: Sequence[str], people: Sequence[Participant] = (ADA, BEN)) -> Conversation:
    turns = tuple(Turn(f"t{n}", people[n % 2].participant_id, text) for n, text in enumerate(said))
    return Conversation("c", "", "", "en", tuple(people), turns)


def again(first: RedactedConversation) -> PlaceholderMap:
    """Return the map as it is after it has been kept and read."""
    return PlaceholderMap.from_bytes(first.map.to_bytes())


def texts(redacted: RedactedConversation) -> list[str]:
    return [turn.text for turn in redacted.turns]


WORDS = """
    Ada Quispe Oyelaran-Tamm-Vandersloot Tamm vandersloot Dr. Ross Ostrova May White His Holiness will the
    said , . 212-555-0142 212 555 0142 [S1] [PERSON_1] zoe@example.org @zoe @ada Straße STRASSE Núñez nunez
"""
SAID = st.lists(
    st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=12).map(" ".join), min_size=1, max_size=4
)


@example(["0142 212 212 Ada 0142 Ada 0142 212 Ada 212 212"])
@example(["212 212 212 Ada 212 Ada 212 212"])
@example(["555 212 212 Ada 555 Ada 212 212 Ada 212"])
@given(SAID)
def test_the_same_conversation_is_redacted_to_the_same_bytes(said: list[str]) -> None:
    first = redact(conversation(said))
    second = redact(conversation(said), kept=again(first))
    assert texts(second) == texts(first)
    assert second.map.to_bytes() == first.map.to_bytes()


@given(SAID, SAID)
def test_what_is_said_later_moves_no_placeholder(said: list[str], later: list[str]) -> None:
    first = redact(conversation(said))
    second = redact(conversation([*said, *later]), kept=again(first))
    for placeholder in first.map.originals.keys() & second.map.originals.keys():
        assert second.map.originals[placeholder] == first.map.originals[placeholder]
    for turn in second.turns:
        second.map.assert_clean(turn.text)


def test_new_originals_get_new_numbers() -> None:
    first = redact(conversation(FIRST))
    second = redact(conversation(["Dr. Halvorsen has 212-555-0199.", *FIRST]), kept=again(first))
    assert texts(second)[1:] == texts(first)
    assert texts(second)[0] == "Dr. [PERSON_4] has [PHONE_2]."
    assert second.map.originals.items() >= first.map.originals.items()


def test_a_detector_that_finds_less_changes_nothing() -> None:
    strict = redact(conversation(FIRST), NameMode.STRICT)
    balanced = redact(conversation(FIRST), NameMode.BALANCED)
    assert texts(balanced) != texts(strict)
    kept = redact(conversation(FIRST), NameMode.BALANCED, kept=again(strict))
    assert texts(kept) == texts(strict)
    assert kept.map.to_bytes() == strict.map.to_bytes()


def test_a_detector_that_finds_more_leaves_what_was_sent() -> None:
    balanced = redact(conversation(FIRST), NameMode.BALANCED)
    strict = redact(conversation(FIRST), NameMode.STRICT, kept=again(balanced))
    assert strict.map.originals.items() > balanced.map.originals.items()
    # The other way round "Krzysztof" would have come second, and moved those behind it.
    assert balanced.map.originals["[PERSON_1]"] == "Vandersloot"


def test_a_roster_in_another_order_moves_nobody() -> None:
    first = redact(conversation(FIRST))
    third = Participant("cy-3", "Cy Halvorsen")
    turned = replace(conversation(FIRST), participants=(third, BEN, ADA))
    second = redact(turned, kept=again(first))
    assert texts(second) == texts(first)
    assert [one.participant_id for one in second.conversation.participants] == ["S3", "S2", "S1"]


def test_a_stranger_who_turns_out_to_be_a_participant_is_one() -> None:
    first = redact(conversation(FIRST))
    assert "[PERSON_3]" in texts(first)[1]
    known = conversation(FIRST, (ADA, replace(BEN, display_name="Tamsin Ostrova")))
    second = redact(known, kept=again(first))
    assert texts(second)[1].startswith("[S1], that was [S2].")
    assert "Tamsin Ostrova" in second.map.originals.values()
    assert "[PERSON_3]" not in second.map.originals


def test_what_is_edited_away_leaves_the_map_and_its_number_is_nobodys() -> None:
    first = redact(conversation(FIRST))
    assert "zoe@example.org" in first.map.originals.values()
    second = redact(conversation(["Write to piet@example.org.", FIRST[1]]), kept=again(first))
    assert texts(second)[0] == "Write to [EMAIL_2]."
    assert b"zoe@" not in second.map.to_bytes()
    assert b"Vandersloot" not in second.map.to_bytes()
    third = redact(conversation(FIRST), kept=again(second))
    assert "[EMAIL_3]" in texts(third)[0]


def test_a_kept_map_stays_as_it_is_while_it_is_used() -> None:
    kept = again(redact(conversation(FIRST)))
    before = kept.to_bytes()
    redact(conversation(["Dr. Halvorsen said so.", "No, Ada."]), kept=kept)
    assert kept.to_bytes() == before


@pytest.mark.parametrize(
    "held",
    [
        b"",
        b"[]",
        b'{"form": 2}',
        b'{"form": 1, "originals": {"[S1]": "Vandersloot"}}',
        b'{"form": 1, "originals": {}, "people": {}, "given": {}, "spellings": {"Vandersloot": "[S1]"}}',
        b'{"form": 1, "originals": {}, "people": {}, "given": {}, "spellings": {"Vandersloot": "[NAME_1]"}}',
    ],
)
def test_a_map_of_another_form_is_refused_without_quoting_it(held: bytes) -> None:
    with pytest.raises(ValueError, match="no placeholder map") as raised:
        PlaceholderMap.from_bytes(held)
    assert "Vandersloot" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_map_without_room_is_begun_anew() -> None:
    kept = PlaceholderMap.of([Participant(f"p{number}") for number in range(5_000)])
    assert not kept.has_room
    assert "[S1]" in texts(redact(conversation(FIRST), kept=kept))[1]
