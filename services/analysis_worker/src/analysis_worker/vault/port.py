"""The port through which jobs read and keep the placeholder maps of conversations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KeptMap:
    """A map as it was found."""

    #: "" if there is none.
    version: str = ""
    #: Serialized, see PlaceholderMap; None if there is none that could be read.
    body: bytes | None = field(default=None, repr=False)


class Vault(Protocol):
    """Keeps one map for each conversation, for as long as the conversation is kept."""

    async def load(self, tenant: str, conversation_id: str) -> KeptMap:
        """Return the map of a conversation.

        Raises:
            AttemptFailed: TRANSIENT if the vault does not answer.
        """
        ...

    async def keep(self, tenant: str, conversation_id: str, body: bytes, *, over: KeptMap) -> bool:
        """Keep a map in the place of the one it was made from.

        Returns:
            False if another one has been kept meanwhile: that one is to be used.

        Raises:
            AttemptFailed: INVALID_INPUT if the conversation is gone, TRANSIENT if the vault does not answer.
        """
        ...
