"""Update masks (AIP-134, AIP-161): which fields of a message a call changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from common.errors import InvalidField

ALL: Final = "*"
#: Longest part of a path that an error repeats.
_SHOWN: Final = 63


def masked(
    mask: FieldMask, message: Message, changeable: Sequence[str], *, maps: Sequence[str] = ()
) -> list[str]:
    """Return the paths to change, each once: all fields that are set if the mask is empty.

    Args:
        changeable: Fields that may change.
        maps: Those of them of which a single entry may be named: "field.key", or with the key in backticks.

    Raises:
        InvalidField: The mask names something else.
    """
    if not mask.paths:
        return [descriptor.name for descriptor, _ in message.ListFields() if descriptor.name in changeable]
    if ALL in mask.paths:
        return list(changeable)
    for path in mask.paths:
        head, dot, key = path.partition(".")
        if path not in changeable and not (dot and key and head in maps):
            raise InvalidField(
                "update_mask",
                f"{path[:_SHOWN]!r} cannot be changed: name whole fields of {', '.join(changeable)}",
            )
    return list(dict.fromkeys(mask.paths))


def key_in(path: str) -> str | None:
    """Return the key of the map entry that a path names; None if it names a field."""
    _, dot, key = path.partition(".")
    if not dot:
        return None
    return key[1:-1] if len(key) > 2 and key[0] == key[-1] == "`" else key
