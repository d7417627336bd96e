"""Reads annotated debates and sets: JSON lines, one file a kind. Files may be missing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from analysis_worker.domain.conversation import Conversation, Participant, Role, Turn

_ROLES: Final[Mapping[str, Role]] = {
    "debater": Role.DEBATER,
    "moderator": Role.MODERATOR,
    "host": Role.MODERATOR,
    "questioner": Role.MODERATOR,
    "audience": Role.AUDIENCE,
}


class MissingFile(Exception):
    """The directory has no such file; the message is its name."""


@cache
def lines(data: Path, name: str) -> tuple[Mapping[str, Any], ...]:
    """Return the objects of `data`/`name`.jsonl.

    Raises:
        MissingFile: It is not there.
    """
    path = data / f"{name}.jsonl"
    if not path.is_file():
        raise MissingFile(path.name)
    with path.open(encoding="utf-8") as file:
        return tuple(json.loads(line) for line in file if line.strip())


@cache
def debates(data: Path, name: str = "debates") -> tuple[Conversation, ...]:
    """Return the debates of a file.

    Raises:
        MissingFile: It is not there.
    """
    return tuple(conversation(debate) for debate in lines(data, name))


def conversation(debate: Mapping[str, Any]) -> Conversation:
    """Read a debate, of annotated data or of `examples/`. Those who only ask or lead are no debaters."""
    return Conversation(
        conversation_id=debate.get("conversation_id") or debate["id"],
        title=debate.get("title", ""),
        motion=debate.get("motion", ""),
        language=debate.get("language", ""),
        participants=tuple(_participants(debate)),
        turns=tuple(
            Turn(
                turn["turn_id"],
                _speaker(turn),
                turn["text"],
                turn.get("start_seconds", turn.get("start_s")),
                turn.get("end_seconds", turn.get("end_s")),
            )
            for turn in debate["turns"]
        ),
    )


def _speaker(turn: Mapping[str, Any]) -> str:
    speaker: str = turn.get("participant_id") or turn["speaker"]
    return speaker


def _participants(debate: Mapping[str, Any]) -> Iterator[Participant]:
    known = set()
    for person in debate.get("participants", ()):
        name = person.get("display_name") or person.get("name", "")
        participant_id = person.get("participant_id") or name
        known.add(participant_id)
        # Examples leave out that someone debates.
        role = _ROLES.get(person.get("role") or "", Role.AUDIENCE) if "role" in person else Role.DEBATER
        yield Participant(participant_id, name, side=person.get("side") or "", role=role)
    for turn in debate["turns"]:
        if (speaker := _speaker(turn)) not in known:
            known.add(speaker)
            yield Participant(speaker, speaker, role=_ROLES.get(turn.get("role") or "", Role.AUDIENCE))
