"""The placeholder map of a conversation: kept in the conversation's slot, and gone with it.

A body is opaque bytes, which the workers pack and seal. Of two that are made from the same version the first
is kept, so that all who ask about one conversation use one map.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from common.store import keys
from common.store.jobs.arguments import blank_or
from common.store.operation import Operation
from common.store.scripts import script


@dataclass(frozen=True, slots=True)
class PackedMap:
    """A kept map. `version` names what was written, not how often."""

    version: str
    body: bytes = field(repr=False)


class MapKept(IntEnum):
    """What became of a map that was to be kept."""

    KEPT = 1
    #: Another one has been kept since its version was read.
    OVERTAKEN = 0
    #: Its conversation is gone.
    GONE = -1


def read_map(
    namespace: str, tenant: str, conversation_id: str, *, keep_ms: int | None = None
) -> Operation[PackedMap | None]:
    """Read the map of a conversation; None if there is none.

    Args:
        keep_ms: How long it is kept from now on, if its conversation is kept elsewhere.
    """
    kept = keys.asked_about(namespace, tenant, conversation_id)

    def read(reply: list[Any]) -> PackedMap | None:
        return PackedMap(reply[0].decode(), reply[1]) if reply else None

    return Operation(script("placeholders_kept"), (kept.placeholders,), (blank_or(keep_ms),), read)


def keep_map(
    namespace: str,
    tenant: str,
    conversation_id: str,
    body: bytes,
    *,
    over: str = "",
    keep_ms: int | None = None,
) -> Operation[MapKept]:
    """Keep a map of a conversation that is kept, unless another one was kept meanwhile.

    May be repeated only after a look: a repetition finds its own map, and takes it for another's.

    Args:
        over: The version that it was made from; "" for none.
        keep_ms: As for read_map; the conversation need not be there then.
    """
    kept = keys.asked_about(namespace, tenant, conversation_id)
    return Operation(
        script("placeholders_keep"),
        (kept.conversation, kept.placeholders),
        (over, uuid.uuid4().hex, body, blank_or(keep_ms)),
        MapKept,
    )
