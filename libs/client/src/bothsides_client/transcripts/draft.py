"""What a parser has found, before it is held to the rules of a conversation.

Every part remembers its line, so that a broken rule can name it. `build` is the only way from here to
`pb.Conversation`; the rules are those of ConversationService.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bothsides.jobs import v1 as pb
from bothsides_client.errors import TranscriptError

#: Limits of the contract, in characters unless they say otherwise.
MAX_TURNS: Final = 10_000
MAX_PARTICIPANTS: Final = 200
MAX_ID: Final = 128
MAX_TITLE: Final = 500
MAX_MOTION: Final = 2_000
MAX_LANGUAGE: Final = 35
MAX_DISPLAY_NAME: Final = 200
MAX_SIDE: Final = 50


@dataclass(frozen=True, slots=True)
class DraftParticipant:
    """Someone who may speak."""

    participant_id: str
    display_name: str
    role: pb.Participant.Role.ValueType
    side: str
    line: int


@dataclass(frozen=True, slots=True)
class DraftTurn:
    """One contribution; times in seconds from the beginning of the debate, None when not captured."""

    turn_id: str
    participant_id: str
    text: str
    start_s: float | None
    end_s: float | None
    line: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole debate as it stands in the file."""

    #: "" to let `build` take the default.
    conversation_id: str
    title: str
    motion: str
    language: str
    participants: Sequence[DraftParticipant]
    turns: Sequence[DraftTurn]


def build(draft: Draft, *, path: str, default_id: str) -> pb.Conversation:
    """Return the conversation, or name the first rule that the draft breaks.

    Raises:
        TranscriptError: With the line of what is wrong; 0 when it is the whole.
    """
    for line, problem in _problems(draft):
        raise TranscriptError(path, line, problem)
    return pb.Conversation(
        conversation_id=draft.conversation_id or default_id,
        title=draft.title,
        motion=draft.motion,
        language=draft.language,
        participants=[
            pb.Participant(
                participant_id=each.participant_id,
                display_name=each.display_name,
                role=each.role,
                side=each.side,
            )
            for each in draft.participants
        ],
        turns=[
            pb.Turn(
                turn_id=each.turn_id,
                participant_id=each.participant_id,
                text=each.text,
                start_seconds=each.start_s,
                end_seconds=each.end_s,
            )
            for each in draft.turns
        ],
    )


def _problems(draft: Draft) -> Iterator[tuple[int, str]]:
    """Yield (line, what is wrong and the way out), in the order in which to report them."""
    yield from _problems_of_length(draft)
    if not any(turn.text.strip() for turn in draft.turns):
        yield 0, "holds no words that anyone says: a transcript needs at least two people speaking"
        return
    if len(draft.turns) > MAX_TURNS:
        yield (
            draft.turns[MAX_TURNS].line,
            f"more than {MAX_TURNS:,} turns: split the debate into several files",
        )
    if len(draft.participants) > MAX_PARTICIPANTS:
        yield (
            draft.participants[MAX_PARTICIPANTS].line,
            f"more than {MAX_PARTICIPANTS} speakers: check that the names are written the same each time",
        )
    yield from _problems_of_identity(draft)
    if len({turn.participant_id for turn in draft.turns}) < 2:
        yield 0, "has one speaker only: a debate needs two; check that each speaker's words carry their name"


def _problems_of_identity(draft: Draft) -> Iterator[tuple[int, str]]:
    known: set[str] = set()
    for index, participant in enumerate(draft.participants):
        if participant.participant_id in known:
            yield participant.line, f"participants[{index}].participant_id is used twice: give each their own"
        known.add(participant.participant_id)
    first_line: dict[str, int] = {}
    for index, turn in enumerate(draft.turns):
        if turn.turn_id in first_line:
            yield (
                turn.line,
                f"turns[{index}].turn_id is that of line {first_line[turn.turn_id]} as well:"
                " give each turn its own id, or leave the ids out",
            )
        first_line[turn.turn_id] = turn.line
        if turn.participant_id not in known:
            yield (
                turn.line,
                f"turns[{index}].participant_id is none of the participants:"
                " add them to participants, or correct it",
            )
        if turn.start_s is not None and turn.end_s is not None and turn.end_s < turn.start_s:
            yield turn.line, f"turns[{index}] ends before it starts: swap or remove its times"


def _problems_of_length(draft: Draft) -> Iterator[tuple[int, str]]:
    for name, text, limit in (
        ("title", draft.title, MAX_TITLE),
        ("motion", draft.motion, MAX_MOTION),
        ("language", draft.language, MAX_LANGUAGE),
    ):
        if len(text) > limit:
            yield 0, f"{name} has more than {limit:,} characters: shorten it"
    for index, participant in enumerate(draft.participants):
        for name, text, limit in (
            ("participant_id", participant.participant_id, MAX_ID),
            ("display_name", participant.display_name, MAX_DISPLAY_NAME),
            ("side", participant.side, MAX_SIDE),
        ):
            if len(text) > limit:
                yield (
                    participant.line,
                    f"participants[{index}].{name} has more than {limit} characters: shorten it",
                )
    for index, turn in enumerate(draft.turns):
        if len(turn.turn_id) > MAX_ID:
            yield turn.line, f"turns[{index}].turn_id has more than {MAX_ID} characters: shorten it"
