"""The example debates: that they can be read, that they show what their README says, that no text repeats."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from bothsides.jobs import v1 as pb
from bothsides_client.transcripts import read_transcript

EXAMPLES: Final = Path(__file__).parents[3] / "examples"
DEBATES: Final = ("school_phones.json", "night_trains.vtt", "basic_income.json")
#: Words in a row that may not stand in the examples more than twice.
REPEAT_WORDS: Final = 12


def words_of(text: str) -> list[str]:
    return re.findall(r"[\w'’-]+", text.lower())


def with_role(debate: pb.Conversation, role: pb.Participant.Role.ValueType) -> list[pb.Participant]:
    """Return the participants of a role; one without a role debates."""
    unspecified = pb.Participant.ROLE_UNSPECIFIED
    return [
        participant
        for participant in debate.participants
        if (pb.Participant.DEBATER if participant.role == unspecified else participant.role) == role
    ]


def test_every_debate_in_the_folder_is_named_here_and_in_the_readme() -> None:
    """A file that is added without being described would never be looked at."""
    found = {path.name for path in EXAMPLES.iterdir() if path.suffix in {".json", ".vtt", ".srt", ".txt"}}
    readme = (EXAMPLES / "README.md").read_text()

    assert found == set(DEBATES)
    assert [name for name in DEBATES if f"]({name})" not in readme] == []


@pytest.mark.parametrize("name", DEBATES)
def test_an_example_is_a_complete_conversation(name: str) -> None:
    # Given an example, when the client reads it
    debate = read_transcript(EXAMPLES / name)

    # Then it says what it is about, and every turn has text and a speaker of the roster
    assert debate.conversation_id
    assert debate.title
    assert debate.motion
    roster = {participant.participant_id for participant in debate.participants}
    assert roster == {turn.participant_id for turn in debate.turns}
    assert all(turn.text.strip() for turn in debate.turns)
    assert len({turn.turn_id for turn in debate.turns}) == len(debate.turns)
    # And one moderator leads it
    assert len(with_role(debate, pb.Participant.MODERATOR)) == 1


def test_school_phones_has_one_debater_a_side() -> None:
    debate = read_transcript(EXAMPLES / "school_phones.json")

    assert len(debate.turns) == 13
    assert sorted(debater.side for debater in with_role(debate, pb.Participant.DEBATER)) == ["against", "for"]


def test_night_trains_was_captured_with_interruptions() -> None:
    # Given the debate with capture times
    debate = read_transcript(EXAMPLES / "night_trains.vtt")
    assert len(debate.turns) == 43
    assert len(with_role(debate, pb.Participant.DEBATER)) == 3

    # Then every turn has a beginning and a later end, in order
    assert all(turn.HasField("start_seconds") and turn.HasField("end_seconds") for turn in debate.turns)
    assert all(turn.start_seconds < turn.end_seconds for turn in debate.turns)
    assert all(turn.start_seconds <= following.start_seconds for turn, following in pairwise(debate.turns))

    # And some turns begin before the one before them has ended, each time by somebody else
    cut_short = [
        (turn.participant_id, following.participant_id)
        for turn, following in pairwise(debate.turns)
        if following.start_seconds < turn.end_seconds
    ]
    assert len(cut_short) == 6
    assert all(speaker != interrupter for speaker, interrupter in cut_short)


def test_night_trains_names_its_title_and_motion_in_notes() -> None:
    debate = read_transcript(EXAMPLES / "night_trains.vtt")

    assert debate.title == "Sleeping across the border"
    assert debate.motion == "Public money should bring back night trains across Europe."


def test_basic_income_is_a_long_debate_of_two_sides_and_an_audience() -> None:
    debate = read_transcript(EXAMPLES / "basic_income.json")

    sides = Counter(debater.side for debater in with_role(debate, pb.Participant.DEBATER))
    assert sides == {"for": 2, "against": 2}
    assert len(with_role(debate, pb.Participant.AUDIENCE)) == 6
    assert len(debate.turns) == 397
    assert not any(turn.HasField("start_seconds") or turn.HasField("end_seconds") for turn in debate.turns)


def test_a_turn_of_basic_income_has_10_to_90_words() -> None:
    debate = read_transcript(EXAMPLES / "basic_income.json")

    lengths = {turn.turn_id: len(turn.text.split()) for turn in debate.turns}
    assert {turn_id: length for turn_id, length in lengths.items() if not 10 <= length <= 90} == {}


def test_no_two_turns_are_equal() -> None:
    turns = Counter(turn.text for name in DEBATES for turn in read_transcript(EXAMPLES / name).turns)

    assert [text for text, count in turns.items() if count > 1] == []


def test_no_twelve_words_stand_in_a_row_more_than_twice() -> None:
    """The debates are written, not filled in from templates: what repeats would show up as a false topic."""
    sequences: Counter[tuple[str, ...]] = Counter()
    for name in DEBATES:
        for turn in read_transcript(EXAMPLES / name).turns:
            words = words_of(turn.text)
            sequences.update(
                tuple(words[start : start + REPEAT_WORDS]) for start in range(len(words) - REPEAT_WORDS + 1)
            )

    assert len(sequences) > 5_000
    assert [" ".join(sequence) for sequence, count in sequences.items() if count > 2] == []
