"""Large messages: the arguments are kept apart, compressed, once for all jobs of a tenant that have the same.

A message of more than LARGE_BYTES is *packed* on its way to a script. Packed it reads

    0x01 "zlib" HASH SIZE HEAD TAIL LF, what stands before the arguments, what stands after, the arguments

apart by spaces; SIZE is that of the arguments (bytes), HEAD and TAIL are lengths (bytes), and the arguments
are compressed. The script keeps these under their hash and the rest in the job's record, whose version then
is 2 (lua/record.lua); who reads the message gets it packed, as it came. The tenant is hashed with the
arguments, so that no two tenants share any, and none can tell what another one has.

Results are their job's own: large ones are compressed where they stand, if the worker is set to.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from typing import Final

from common.errors import InvalidField
from common.job.model import Content

#: Messages of more bytes than this are packed.
LARGE_BYTES: Final = 65_536
#: A new job's message may have so many bytes.
MESSAGE_BYTES: Final = 8 * 1024 * 1024
#: The first byte of a packed or filed message. No plain one is stored that begins so.
APART: Final = b"\x01"
#: Before a packed message.
_MARK: Final = b"\x01zlib "
#: Before and after the arguments of a message in JSON.
_BEFORE: Final = b',"args":'
_AFTER: Final = b',"options":{'
#: zlib's fastest: it takes 13 ms a megabyte of text, level 6 more than twice as long for a tenth less.
_LEVEL: Final = 1
#: Behind the media type of content that is compressed.
_CODING: Final = "; coding=zlib"
#: No content that is expanded is larger (bytes): more could not be sent on either.
_EXPANDED_BYTES: Final = 64 * 1024 * 1024
#: Nothing that is unpacked is larger (bytes): retries may have added to what was taken.
_UNPACKED_BYTES: Final = 2 * MESSAGE_BYTES


def check_size(payload: bytes, field: str) -> None:
    """Refuse a message that is too large.

    Raises:
        InvalidField: It has more than MESSAGE_BYTES.
    """
    if len(payload) > MESSAGE_BYTES:
        raise InvalidField(field, size_refusal(payload))


def size_refusal(payload: bytes) -> str:
    return (
        f"makes a message of {len(payload):,} bytes, and at most {MESSAGE_BYTES:,} are taken: keep what is "
        "large elsewhere, and pass where it is"
    )


def is_large(payload: bytes) -> bool:
    """Whether `packed` has work to do, some 13 ms a megabyte."""
    return len(payload) > LARGE_BYTES


def packed(payload: bytes, tenant: str) -> bytes:
    """Return a message as a script takes it: packed if it is large, else as it is."""
    return Packer().pack(payload, tenant)


@dataclass(frozen=True, slots=True)
class Apart:
    """A large message, taken apart."""

    #: The SHA-256 of tenant and arguments, in hexadecimal.
    digest: str
    #: Of the arguments (bytes).
    size: int
    head: bytes = field(repr=False)
    tail: bytes = field(repr=False)
    #: The arguments, compressed.
    small: bytes = field(repr=False)

    @property
    def packed(self) -> bytes:
        """The message as a script takes it that keeps the arguments in the server."""
        line = b"%b%b %d %d %d\n" % (
            _MARK,
            self.digest.encode(),
            self.size,
            len(self.head),
            len(self.tail),
        )
        return b"".join((line, self.head, self.tail, self.small))


def digest_of(tenant: str, shared: bytes) -> str:
    """Return what names a tenant's arguments."""
    digest = hashlib.sha256(b"%b\0" % tenant.encode())
    digest.update(shared)
    return digest.hexdigest()


class Packer:
    """Packs the messages of one call, in which the same arguments are hashed and compressed once in a row."""

    __slots__ = ("_hashed", "_last")

    def __init__(self) -> None:
        self._last: tuple[str, bytes] | None = None
        self._hashed: tuple[str, bytes] = ("", b"")

    def pack(self, payload: bytes, tenant: str) -> bytes:
        """Return a message as `packed` does."""
        apart = self.take_apart(payload, tenant)
        return payload if apart is None else apart.packed

    def take_apart(self, payload: bytes, tenant: str) -> Apart | None:
        """Take a message apart; None if it is kept as it is."""
        if len(payload) <= LARGE_BYTES and not payload.startswith(APART):
            return None
        start, end = _arguments(payload)
        shared = payload[start:end]
        if self._last != (tenant, shared):
            self._last = (tenant, shared)
            self._hashed = (digest_of(tenant, shared), zlib.compress(shared, _LEVEL))
        digest, small = self._hashed
        return Apart(digest, len(shared), payload[:start], payload[end:], small)


def unpacked(payload: bytes) -> bytes:
    """Return a message as it was before it was packed; unchanged if it is not packed, or damaged."""
    if not payload.startswith(_MARK):
        return payload
    try:
        line, rest = payload.split(b"\n", 1)
        size, head, tail = map(int, line.split(b" ")[2:])
        shared = inflated(rest[head + tail :], size)
    except (ValueError, zlib.error):
        return payload
    return b"".join((rest[:head], shared, rest[head : head + tail]))


def inflated(small: bytes, size: int) -> bytes:
    """Return what was compressed to `small`, `size` bytes of it.

    Raises:
        ValueError, zlib.error: It is not that.
    """
    if not 0 <= size <= _UNPACKED_BYTES:
        raise ValueError("too large")
    shared = zlib.decompressobj().decompress(small, size + 1)
    if len(shared) != size:
        raise ValueError("another size")
    return shared


def unpacked_bytes(payload: bytes) -> int:
    """Return how long a message is, also if it is packed or filed."""
    if not payload.startswith(APART):
        return len(payload)
    fields = payload[:200].split(b" ", 3)
    return int(fields[2]) if len(fields) > 3 and fields[2].isdigit() else len(payload)


def compressed(content: Content) -> Content:
    """Return content as it is kept: if it is large and gets smaller, compressed, as its media type says."""
    if not is_large(content.data):
        return content
    small = zlib.compress(content.data, _LEVEL)
    return Content(content.media_type + _CODING, small) if len(small) < len(content.data) else content


def expanded(content: Content) -> Content:
    """Return content as it was before it was compressed; unchanged if it is not compressed, or damaged."""
    if not content.media_type.endswith(_CODING):
        return content
    coder = zlib.decompressobj()
    try:
        data = coder.decompress(content.data, _EXPANDED_BYTES)
    except zlib.error:
        return content
    return Content(content.media_type.removesuffix(_CODING), data) if coder.eof else content


def _arguments(payload: bytes) -> tuple[int, int]:
    """Return where the arguments begin and end. Of other encoders' messages all is shared, or nothing is."""
    start, end = payload.find(_BEFORE), payload.rfind(_AFTER)
    if start < 0 or end - start < LARGE_BYTES // 2:
        return 0, len(payload)
    return start, end
