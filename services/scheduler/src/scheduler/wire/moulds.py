"""Messages by the thousand that differ by an id alone, made as bytes.

Two messages whose one difference is a text of the same length differ on the wire by that text alone: each
length before it stays what it is. And messages whose bytes stand one after the other are read as one, with
their repeated fields together (protobuf.dev, encoding, "Last One Wins").
"""

from __future__ import annotations

from google.protobuf.message import Message


class Mould:
    """Makes the bytes of messages like one that is there.

    Args:
        message: Holds `own_id`, once.
    """

    __slots__ = ("_after", "_before", "_length")

    def __init__(self, message: Message, own_id: str) -> None:
        self._before, found, self._after = message.SerializeToString().partition(own_id.encode())
        if not found or own_id.encode() in self._after:
            raise ValueError("the message must hold the id once")
        self._length = len(found)

    def fits(self, other_id: str) -> bool:
        """Whether a message with this id can be made."""
        return len(other_id) == self._length and other_id.isascii()

    def cast(self, other_id: str) -> bytes:
        """Return the message with another id, which fits."""
        return self._before + other_id.encode() + self._after
