"""From the names in captions to participants: ids, roles and sides.

Names are compared without regard to case and spacing. A role or a side is read only from what the name
itself says ("Moderator Jane Doe", "Jane Doe (against)", "Audience member 2"), never from behaviour.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bothsides.jobs import v1 as pb
from bothsides_client.transcripts.draft import MAX_PARTICIPANTS, MAX_TURNS, Draft, DraftParticipant, DraftTurn

_MODERATOR: Final = re.compile(
    r"(?:the )?(?:moderator|host|chair(?:man|woman|person)?|presenter|facilitator|interviewer)\b",
    re.IGNORECASE,
)
_AUDIENCE: Final = re.compile(
    r"(?:the )?(?:audience\b|spectator\b|question from the (?:audience|floor)$|floor$)", re.IGNORECASE
)
#: A remark behind the name: "Jane Doe (against)", "Jane Doe [moderator]".
_REMARK: Final = re.compile(r"^(?P<name>.*?)\s*[(\[](?P<remark>[^()\[\]]{1,50})[)\]]\s*$")
_SIDES: Final = {
    "for": "for",
    "pro": "for",
    "proposition": "for",
    "affirmative": "for",
    "against": "against",
    "con": "against",
    "contra": "against",
    "opposition": "against",
    "negative": "against",
}


@dataclass(frozen=True, slots=True)
class Speech:
    """Words of one speaker under one name, in one place of the file; times in seconds."""

    name: str
    text: str
    line: int
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself."""

    title: str = ""
    motion: str = ""
    language: str = ""


def draft_of_speeches(speeches: Sequence[Speech], header: Header) -> Draft:
    """Merge neighbouring speeches of one speaker into turns, and number the turns "t1", "t2", ...

    A turn starts when its first speech starts and ends when the last of them has ended.
    """
    by_label: dict[str, DraftParticipant] = {}
    participants: dict[str, DraftParticipant] = {}
    taken: set[str] = set()
    groups: list[tuple[DraftParticipant, list[Speech]]] = []
    for speech in speeches:
        if len(participants) > MAX_PARTICIPANTS or len(groups) > MAX_TURNS:
            break  # `build` refuses it already
        participant = by_label.get(speech.name)
        if participant is None:
            named = participant_named(speech.name, speech.line, taken)
            participant = participants.setdefault(named.display_name.casefold(), named)
            by_label[speech.name] = participant
            taken.add(participant.participant_id)
        if groups and groups[-1][0] is participant:
            groups[-1][1].append(speech)
        else:
            groups.append((participant, [speech]))
    turns = [
        DraftTurn(
            turn_id=f"t{number}",
            participant_id=participant.participant_id,
            text=" ".join(each.text for each in group if each.text),
            start_s=group[0].start_s,
            end_s=_end_s(group),
            line=group[0].line,
        )
        for number, (participant, group) in enumerate(groups, 1)
    ]
    return Draft("", header.title, header.motion, header.language, list(participants.values()), turns)


def _end_s(group: Sequence[Speech]) -> float | None:
    """Return when all have ended; captions may overlap. None if the last one does not say."""
    if group[-1].end_s is None:
        return None
    return max(each.end_s for each in group if each.end_s is not None)


def participant_named(label: str, line: int, taken: set[str]) -> DraftParticipant:
    """Return the participant that a label stands for, with an id that is not in `taken`."""
    name, role, side = " ".join(label.split()), pb.Participant.DEBATER, ""
    if (remarked := _REMARK.match(name)) and remarked["name"]:
        remark = remarked["remark"].strip()
        if _MODERATOR.fullmatch(remark):
            name, role = remarked["name"], pb.Participant.MODERATOR
        elif _AUDIENCE.fullmatch(remark):
            name, role = remarked["name"], pb.Participant.AUDIENCE
        elif remark.casefold() in _SIDES:
            name, side = remarked["name"], _SIDES[remark.casefold()]
    if title := _MODERATOR.match(name):
        role = pb.Participant.MODERATOR
        proper_name = name[title.end() :].strip(" ,-–")
        name = proper_name if any(letter.isalpha() for letter in proper_name) else name
    elif _AUDIENCE.match(name):
        role = pb.Participant.AUDIENCE
    return DraftParticipant(unique_slug(name, taken), name, role, side, line)


def unique_slug(name: str, taken: set[str]) -> str:
    """Return a readable id for the name: "yara-lindenau", or "speaker" when no letter is ASCII."""
    wanted = slug(name)[:100] or "speaker"
    candidate, number = wanted, 2
    while candidate in taken:
        candidate, number = f"{wanted}-{number}", number + 1
    return candidate


def slug(text: str) -> str:
    """Return the text's ASCII letters and digits in lower case, joined by single dashes."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return "-".join(re.findall(r"[a-z0-9]+", ascii_text.lower()))
