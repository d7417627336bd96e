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
    """Read a debate. Those who only ask or lead are no debaters, as far as the file says so."""
    return Conversation(
        conversation_id=debate["id"],
        title=debate.get("title", ""),
        motion=debate.get("motion", ""),
        language=debate.get("language", ""),
        participants=tuple(_participants(debate)),
        turns=tuple(
            Turn(turn["turn_id"], turn["speaker"], turn["text"], turn.get("start_s"), turn.get("end_s"))
            for turn in debate["turns"]
        ),
    )


def _participants(debate: Mapping[str, Any]) -> Iterator[Participant]:
    known = set()
    for participant in debate.get("participants", ()):
        name = participant["name"]
        known.add(name)
        role = _ROLES.get(participant.get("role") or "", Role.AUDIENCE)
        yield Participant(name, name, side=participant.get("side") or "", role=role)
    for turn in debate["turns"]:
        if turn["speaker"] not in known:
            known.add(turn["speaker"])
            yield Participant(
                turn["speaker"], turn["speaker"], role=_ROLES.get(turn.get("role") or "", Role.AUDIENCE)
            )
