"""Our own JSON, which is also what `bothsides conversations get --json` prints.

    {"conversation_id"?, "title"?, "motion"?, "language"?,
     "participants"?: [{"participant_id", "display_name"?, "role"?, "side"?}],
     "turns": [{"turn_id"?, "participant_id" | "speaker", "text", "start_seconds"?, "end_seconds"?}]}

Without participants they are taken from the speakers. Keys that are not listed are left alone. Errors name
the field and its line.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from bothsides.jobs import v1 as pb
from bothsides_client.errors import TranscriptError
from bothsides_client.transcripts.draft import MAX_PARTICIPANTS, Draft, DraftParticipant, DraftTurn
from bothsides_client.transcripts.positions import line_of_item
from bothsides_client.transcripts.speakers import participant_named

ROLES: Final[Mapping[str, pb.Participant.Role.ValueType]] = {
    "debater": pb.Participant.DEBATER,
    "moderator": pb.Participant.MODERATOR,
    "audience": pb.Participant.AUDIENCE,
}
_CONVERSATION_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def read_json(text: str, path: str) -> Draft:
    """Return the draft that the document describes.

    Raises:
        TranscriptError: It is no JSON, or a field has the wrong type or value.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise TranscriptError(path, error.lineno, f"is no valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise TranscriptError(path, 0, "is nested too deeply to be a transcript") from error
    except ValueError as error:  # a number with thousands of digits
        raise TranscriptError(path, 0, "holds a number that is too long to read") from error
    reader = _Reader(path, text)
    if not isinstance(document, dict):
        raise TranscriptError(path, 1, 'must be one JSON object with "turns": {"turns": [...]}')
    return reader.draft(document)


class _Reader:
    """Reads fields of known type, and knows where they stand."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text

    def draft(self, document: Mapping[str, Any]) -> Draft:
        conversation_id = self._string(document, "conversation_id", "conversation_id", 0)
        if conversation_id and not _CONVERSATION_ID.fullmatch(conversation_id):
            raise self._error(
                0,
                "conversation_id",
                'takes at most 128 letters, digits, ".", "_", ":" and "-", a letter or digit first',
            )
        participants = [self._participant(*item) for item in self._items(document, "participants")]
        derive = not participants
        turns: list[DraftTurn] = []
        names = {each.display_name: each.participant_id for each in reversed(participants)}
        names |= {each.participant_id: each.participant_id for each in participants}
        taken: set[str] = set()
        for index, item, line in self._items(document, "turns"):
            turn = self._turn(index, item, line)
            if derive and turn.participant_id not in names and len(participants) <= MAX_PARTICIPANTS:
                participants.append(participant_named(turn.participant_id, line, taken))
                names[turn.participant_id] = participants[-1].participant_id
                taken.add(participants[-1].participant_id)
            speaker = names.get(turn.participant_id, turn.participant_id)
            turns.append(DraftTurn(turn.turn_id, speaker, turn.text, turn.start_s, turn.end_s, line))
        return Draft(
            conversation_id=conversation_id,
            title=self._string(document, "title", "title", 0),
            motion=self._string(document, "motion", "motion", 0),
            language=self._string(document, "language", "language", 0),
            participants=participants,
            turns=turns,
        )

    def _participant(self, index: int, item: Mapping[str, Any], line: int) -> DraftParticipant:
        field = f"participants[{index}]"
        participant_id = self._string(item, "participant_id", f"{field}.participant_id", line)
        if not participant_id:
            raise self._error(line, f"{field}.participant_id", "is missing: give each participant an id")
        role = self._string(item, "role", f"{field}.role", line).lower() or "debater"
        if role not in ROLES:
            raise self._error(line, f"{field}.role", f"must be one of {', '.join(ROLES)}")
        return DraftParticipant(
            participant_id,
            self._string(item, "display_name", f"{field}.display_name", line) or participant_id,
            ROLES[role],
            self._string(item, "side", f"{field}.side", line),
            line,
        )

    def _turn(self, index: int, item: Mapping[str, Any], line: int) -> DraftTurn:
        field = f"turns[{index}]"
        speaker = self._string(item, "participant_id", f"{field}.participant_id", line)
        speaker = speaker or self._string(item, "speaker", f"{field}.speaker", line)
        if not speaker:
            raise self._error(
                line, f"{field}.participant_id", 'is missing: say who speaks ("speaker" will do too)'
            )
        return DraftTurn(
            turn_id=self._string(item, "turn_id", f"{field}.turn_id", line) or f"t{index + 1}",
            participant_id=speaker,
            text=self._string(item, "text", f"{field}.text", line),
            start_s=self._seconds(item, "start_seconds", f"{field}.start_seconds", line),
            end_s=self._seconds(item, "end_seconds", f"{field}.end_seconds", line),
            line=line,
        )

    def _items(self, document: Mapping[str, Any], key: str) -> list[tuple[int, Mapping[str, Any], int]]:
        """Return (index, object, line) of a list of objects; nothing if the key is missing."""
        items = document.get(key)
        if items is None:
            return []
        if not isinstance(items, list):
            raise self._error(0, key, "must be a list")
        lines = line_of_item(self._text, key)
        numbered = [
            (index, item, lines[index] if index < len(lines) else 0) for index, item in enumerate(items)
        ]
        for index, item, line in numbered:
            if not isinstance(item, dict):
                raise self._error(line, f"{key}[{index}]", "must be an object")
        return numbered

    def _string(self, item: Mapping[str, Any], key: str, field: str, line: int) -> str:
        value = item.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._error(line, field, "must be a string")
        if _SURROGATE.search(value):
            raise self._error(
                line, field, "holds half of a character (a lone surrogate): export the text again"
            )
        return value

    def _seconds(self, item: Mapping[str, Any], key: str, field: str, line: int) -> float | None:
        value = item.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._error(line, field, "must be a number of seconds")
        try:
            seconds = float(value)
        except OverflowError:
            seconds = math.inf
        if not (math.isfinite(seconds) and seconds >= 0):
            raise self._error(line, field, "must be 0 or more, and finite")
        return seconds

    def _error(self, line: int, field: str, message: str) -> TranscriptError:
        return TranscriptError(self._path, line, f"{field} {message}")
