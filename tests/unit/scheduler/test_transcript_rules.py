"""What a conversation must satisfy to be kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.errors import InvalidFields, TranscriptTooLarge
from scheduler.transcripts import MAX_BYTES, MAX_PROBLEMS, Outline, TurnOutline, check, speakers


def _turn(
    turn_id: str, speaker: str, start_s: float | None = None, end_s: float | None = None
) -> TurnOutline:
    return TurnOutline(turn_id, speaker, start_s, end_s)


GOOD = Outline((), [_turn("1", "ann", 0, 1), _turn("2", "ben", 1, 1), _turn("3", "ann")], 100)


def _problems(outline: Outline) -> list[str]:
    with pytest.raises(InvalidFields) as refused:
        check(outline)
    return [field for field, _ in refused.value.violations]


def test_two_speakers_in_turn_are_a_conversation() -> None:
    check(GOOD)
    check(replace(GOOD, participants=("ben", "ann", "moderator"), size_bytes=MAX_BYTES))


def test_speakers_are_in_the_order_of_their_first_turn() -> None:
    assert speakers(GOOD) == ["ann", "ben"]


def test_all_problems_are_reported_together() -> None:
    turns = [_turn("1", "ann", 5, 4), _turn("1", "ann"), _turn("1", "ann")]

    assert _problems(Outline(("ben", "ben"), turns, 1)) == [
        "conversation.turns",
        "conversation.participants[1].participant_id",
        "conversation.turns[1].turn_id",
        "conversation.turns[2].turn_id",
        "conversation.turns[0].participant_id",
        "conversation.turns[1].participant_id",
        "conversation.turns[2].participant_id",
        "conversation.turns[0].end_seconds",
    ]


def test_a_flood_of_problems_is_cut() -> None:
    turns = [_turn("1", name) for name in ("ann", "ben") * 500]

    assert len(_problems(Outline((), turns, 1))) == MAX_PROBLEMS


def test_a_conversation_over_the_limit_is_refused_first() -> None:
    with pytest.raises(TranscriptTooLarge) as refused:
        check(Outline((), (), MAX_BYTES + 1))

    assert refused.value.field == "conversation.turns"
