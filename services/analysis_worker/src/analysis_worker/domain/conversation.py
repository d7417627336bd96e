"""A debate as it was held: who spoke, and what they said.

Plain values, as they were recorded. Nothing is cleaned up here: a turn may be empty, its times may be
missing or contradict each other, and its speaker may stand in no roster. Who reads a conversation copes
with that.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from analysis_worker.domain.unshown import Unshown


class Role(StrEnum):
    """A participant's part in the debate. Only debaters are scored."""

    DEBATER = "debater"
    MODERATOR = "moderator"
    AUDIENCE = "audience"


@dataclass(frozen=True, slots=True, repr=False)
class Participant(Unshown):
    """Someone who speaks."""

    participant_id: str = field(repr=False)
    display_name: str = field(default="", repr=False)
    role: Role = Role.DEBATER
    #: What the participant argues for, such as "for" or "against"; "" when not known.
    side: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Turn(Unshown):
    """One uninterrupted contribution."""

    turn_id: str
    participant_id: str = field(repr=False)
    text: str = field(repr=False)
    #: Seconds from the debate's beginning, as captured; None when not captured.
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Conversation(Unshown):
    """One debate, its turns in order."""

    conversation_id: str
    title: str = field(default="", repr=False)
    #: The proposition under debate; "" when not known.
    motion: str = field(default="", repr=False)
    #: A BCP 47 tag; "" to have it detected.
    language: str = ""
    participants: tuple[Participant, ...] = field(default=(), repr=False)
    turns: tuple[Turn, ...] = field(default=(), repr=False)

    def sha256(self) -> str:
        """Return the hexadecimal digest of everything in it, the same on any machine."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()
