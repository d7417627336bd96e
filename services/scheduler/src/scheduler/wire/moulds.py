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
        message: Where it holds `own_id` once, others can be made of it.
    """

    __slots__ = ("_after", "_before", "_length", "whole")

    def __init__(self, message: Message, own_id: str) -> None:
        #: The message itself.
        self.whole = message.SerializeToString()
        spelled = own_id.encode()
        is_one = spelled != b"" and self.whole.count(spelled) == 1
        self._length = len(spelled) if is_one else 0
        self._before, _, self._after = self.whole.partition(spelled) if is_one else (b"", b"", b"")

    def fits(self, other_id: str) -> bool:
        """Whether the message can be made with this id, which is not empty."""
        return len(other_id) == self._length and other_id.isascii()

    def cast(self, other_id: str) -> bytes:
        """Return the message with another id, which fits."""
        return self._before + other_id.encode() + self._after
