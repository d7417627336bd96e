"""Finished parts of results: each version of a part, as an entry of the event stream has told of it.

The newest version of each part is kept for as long as its job. What gave way to it, in the same attempt or by
the next one, is kept for watchers until its event is trimmed, or the job goes.
"""

from __future__ import annotations

from enum import Enum, auto

from common.job.model import Content, Part
from common.store.keys import QueueKeys
from common.store.operation import Operation
from common.store.scripts import script


class NoPart(Enum):
    """Why a part cannot be read."""

    #: Another version has taken its place, so long ago that it is not kept any more.
    GAVE_WAY = auto()
    #: There is no such job.
    NO_JOB = auto()


def read_part(keys: QueueKeys, job_id: str, name: str, entry_id: str) -> Operation[Part | NoPart]:
    """Read a part as an entry of the event stream told of it."""

    def read(reply: tuple[int, bytes]) -> Part | NoPart:
        code, value = reply
        if code == 1:
            return part_of(name, value)
        return NoPart.NO_JOB if code < 0 else NoPart.GAVE_WAY

    return Operation(script("part"), keys.all(), (job_id, name, entry_id), read)


def part_of(name: str, value: bytes) -> Part:
    """Read a part as it is kept."""
    header, _, data = value.partition(b"\n")
    attempt, at_ms, media_type, *_ = header.decode().split("\t")
    return Part(name, int(attempt), int(at_ms), Content(media_type, data))
