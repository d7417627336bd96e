"""Places in a queue's event stream, and events with their place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from common.store.events import Event

#: After the last line of any entry.
_ALL_LINES: Final = 2**31 - 1
_LARGEST: Final = 2**64 - 1
_ENTRY_ID: Final = re.compile(r"(\d{1,20})-(\d{1,20})")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """After which event of a stream; the order is that of time."""

    milliseconds: int
    sequence: int
    #: Line of the entry, from 0.
    line: int

    @classmethod
    def of(cls, entry_id: str, line: int = _ALL_LINES) -> Self:
        """Return the place after one line of an entry, or after the whole entry.

        Raises:
            ValueError: It is no id of a stream entry.
        """
        match = _ENTRY_ID.fullmatch(entry_id)
        if match is None or max(int(match[1]), int(match[2])) > _LARGEST:
            raise ValueError("a stream entry's id is two 64-bit numbers and a dash")
        return cls(int(match[1]), int(match[2]), line)

    @property
    def entry_id(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"


#: Before the first event of a stream.
ORIGIN: Final = Position.of("0-0")


@dataclass(frozen=True, slots=True)
class Placed:
    """An event and its place."""

    position: Position
    event: Event
