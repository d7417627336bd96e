"""What a conversation must satisfy to be kept, beyond the declared rules of its message.

It looks at who speaks and when, never at what is said. All problems are reported together, up to a cap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from common.errors import InvalidFields, TranscriptTooLarge

#: The largest conversation, serialized.
MAX_BYTES: Final = 8 * 1024 * 1024
#: Problems of one request that are reported; more of the same kind help no one.
MAX_PROBLEMS: Final = 20

_TURNS: Final = "conversation.turns"
_PARTICIPANTS: Final = "conversation.participants"


@dataclass(frozen=True, slots=True)
class TurnOutline:
    """A turn without its text."""

    turn_id: str
    speaker: str
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True, slots=True)
class Outline:
    """A conversation without its text."""

    #: Ids as listed; none: they are those who speak.
    participants: Sequence[str]
    turns: Sequence[TurnOutline]
    size_bytes: int


def check(outline: Outline) -> None:
    """Refuse a conversation that no one could analyse.

    Raises:
        TranscriptTooLarge: It is over MAX_BYTES.
        InvalidFields: Names each field that is wrong, by its place.
    """
    if outline.size_bytes > MAX_BYTES:
        raise TranscriptTooLarge(
            _TURNS,
            f"the conversation is {outline.size_bytes} bytes; at most {MAX_BYTES} are kept. Split it in two",
            metadata={"size_bytes": str(outline.size_bytes), "limit_bytes": str(MAX_BYTES)},
        )
    problems = list(islice(_problems(outline), MAX_PROBLEMS))
    if problems:
        raise InvalidFields(problems)


def speakers(outline: Outline) -> list[str]:
    """Return the ids of those who speak, in the order of their first turn."""
    return list(dict.fromkeys(turn.speaker for turn in outline.turns))


def _problems(outline: Outline) -> Iterator[tuple[str, str]]:
    if not outline.turns:
        yield _TURNS, "must hold at least one turn"
    elif len(speakers(outline)) < 2:
        yield _TURNS, "must hold turns of at least two different speakers; here is only one"
    if len(outline.participants) == 1:
        yield _PARTICIPANTS, "must list at least two participants, or none to take them from the turns"
    yield from _repeated(outline.participants, _PARTICIPANTS, "participant_id")
    yield from _repeated([turn.turn_id for turn in outline.turns], _TURNS, "turn_id")
    yield from _strangers(outline)
    yield from _backward(outline.turns)


def _repeated(ids: Sequence[str], field: str, name: str) -> Iterator[tuple[str, str]]:
    first: dict[str, int] = {}
    for place, value in enumerate(ids):
        if first.setdefault(value, place) != place:
            yield (
                f"{field}[{place}].{name}",
                f"is the same as that of {field}[{first[value]}]; ids must differ",
            )


def _strangers(outline: Outline) -> Iterator[tuple[str, str]]:
    listed = set(outline.participants)
    for place, turn in enumerate(outline.turns if listed else ()):
        if turn.speaker not in listed:
            yield f"{_TURNS}[{place}].participant_id", f"names no one in {_PARTICIPANTS}"


def _backward(turns: Sequence[TurnOutline]) -> Iterator[tuple[str, str]]:
    for place, turn in enumerate(turns):
        if turn.start_s is not None and turn.end_s is not None and turn.end_s < turn.start_s:
            yield f"{_TURNS}[{place}].end_seconds", "must not be before start_seconds"
