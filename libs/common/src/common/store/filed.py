"""Filed messages: their arguments are in a file, and what is stored names it.

Filed, a message reads

    0x01 "file" HASH SIZE HEAD TAIL TIME LF, what stands before the arguments, what stands after

apart by spaces; all but TIME is as in a packed message (packing.py). The file's name is made of HASH and TIME
(Unix ms), which the store gave for it: see lua/files.lua, by what rules files come and go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from common.store.packing import Apart

_LINE: Final = re.compile(rb"\x01file ([0-9a-f]{64}) (\d{1,9}) (\d{1,9}) (\d{1,9}) (\d{1,15})\n")


@dataclass(frozen=True, slots=True)
class FileName:
    """Names a file within its queue."""

    digest: str
    made_ms: int

    def __str__(self) -> str:
        return f"{self.digest}-{self.made_ms}"


@dataclass(frozen=True, slots=True)
class Filed:
    """What a filed message says."""

    name: FileName
    #: Of the arguments (bytes).
    size: int
    head: bytes = field(repr=False)
    tail: bytes = field(repr=False)

    @classmethod
    def of(cls, apart: Apart, made_ms: int) -> Filed:
        return cls(FileName(apart.digest, made_ms), apart.size, apart.head, apart.tail)

    @property
    def message(self) -> bytes:
        """The message as a script takes it."""
        sizes = b"%d %d %d" % (self.size, len(self.head), len(self.tail))
        line = b"\x01file %b %b %d\n" % (self.name.digest.encode(), sizes, self.name.made_ms)
        return b"".join((line, self.head, self.tail))

    def whole(self, shared: bytes) -> bytes:
        """Return the message as it was before it was filed."""
        return b"".join((self.head, shared, self.tail))


def filed_of(payload: bytes) -> Filed | None:
    """Read a filed message; None if it is not filed."""
    found = _LINE.match(payload)
    if found is None:
        return None
    size, head, tail, made_ms = map(int, found.groups()[1:])
    own = payload[found.end() :]
    if len(own) != head + tail:
        return None
    return Filed(FileName(found[1].decode(), made_ms), size, own[:head], own[head:])
