"""Files of large messages: named before they are written, removed after their jobs. See lua/files.lua."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.store.filed import FileName
from common.store.jobs.arguments import now_argument
from common.store.keys import QueueKeys
from common.store.operation import Operation
from common.store.scripts import script

#: Who takes files to remove them has so long (ms).
TAKEN_MS: Final = 120_000
#: Between two lists of all files of a queue (ms).
LIST_EVERY_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Named:
    """A file for arguments of a new job."""

    name: FileName
    #: Jobs hold it, so that it should be there.
    is_held: bool


def name_files(
    keys: QueueKeys, digests: Sequence[str], *, now_ms: int | None = None
) -> Operation[list[Named]]:
    """Name files for new jobs, which may hold them for some minutes from now on."""

    def read(reply: list[Any]) -> list[Named]:
        told = zip(digests, reply[::2], reply[1::2], strict=True)
        return [Named(FileName(digest, int(made_ms)), held == 1) for digest, made_ms, held in told]

    return Operation(script("filed"), keys.all(), [now_argument(now_ms), *digests], read)


@dataclass(frozen=True, slots=True)
class Due:
    """Files that are to be removed now."""

    names: list[FileName]
    #: All files are to be listed, for those that nobody knows of.
    lists: bool


def take_due(
    keys: QueueKeys, most: int, *, list_every_ms: int = LIST_EVERY_MS, now_ms: int | None = None
) -> Operation[Due]:
    """Take files that are to be removed; those that are not noted as gone in TAKEN_MS are given out again."""

    def read(reply: list[Any]) -> Due:
        return Due(_names(reply[1:]), reply[0] == 1)

    return Operation(
        script("files_due"), keys.all(), [now_argument(now_ms), most, TAKEN_MS, list_every_ms], read
    )


def note_gone(keys: QueueKeys, names: Sequence[FileName]) -> Operation[int]:
    """Note that files were removed, at least one."""
    return Operation(script("files_gone"), keys.all(), [str(name) for name in names], int)


def strays(
    keys: QueueKeys, names: Sequence[FileName], *, now_ms: int | None = None
) -> Operation[list[FileName]]:
    """Say which files nobody holds or will hold, and nobody else is about to remove."""
    return Operation(script("files_strays"), keys.all(), [now_argument(now_ms), *map(str, names)], _names)


def _names(reply: Sequence[bytes]) -> list[FileName]:
    split = (name.decode().rpartition("-") for name in reply)
    return [FileName(digest, int(made_ms)) for digest, _, made_ms in split]
