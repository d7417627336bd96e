"""Resume tokens of watches of many jobs: a place in each queue's stream, sealed for a tenant and a filter.

The body is a compressed JSON list: version, whether snapshots were still to come, the epochs, and for each
queue the hash of its name, its place (three numbers), and which of the epochs that is meant in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from common.errors import InvalidResumeToken
from scheduler.watch.position import Position

_VERSION: Final = 1
_FIELD: Final = "resume_token"
_SEAL_BYTES: Final = 16
_HASH_BYTES: Final = 6
#: No token of ours is larger than this when it is uncompressed.
_BODY_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Place:
    """After which event of a queue, in which history."""

    position: Position
    epoch: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where a watch got to."""

    #: By the hash of a queue's name.
    by_queue: Mapping[str, Place] = field(default_factory=dict)
    #: It had not told all the snapshots that it began with.
    is_beginning: bool = False

    def of(self, queue: str) -> Place | None:
        """Return the place in a queue; None if the watch did not know the queue."""
        return self.by_queue.get(hash_of(queue))


class PlaceTokens:
    """Makes and reads the tokens of one watch.

    Args:
        key: That the deployment's tokens are sealed with.
        tenant: Who watches.
        filter_text: What is watched. A token is of no use for another filter or tenant.
    """

    def __init__(self, key: bytes, tenant: str, filter_text: str) -> None:
        self._key = key
        self._watched = orjson.dumps(["watch", tenant, filter_text])

    def encode(self, places: Places) -> str:
        epochs = sorted({place.epoch for place in places.by_queue.values()})
        rows = [
            [
                name,
                place.position.milliseconds,
                place.position.sequence,
                place.position.line,
                epochs.index(place.epoch),
            ]
            for name, place in places.by_queue.items()
        ]
        body = zlib.compress(orjson.dumps([_VERSION, places.is_beginning, epochs, rows]), 1)
        return base64.urlsafe_b64encode(self._seal(body) + body).decode().rstrip("=")

    def decode(self, token: str) -> Places:
        """Read a token.

        Raises:
            InvalidResumeToken: This deployment did not make it, or made it for another tenant or filter.
        """
        try:
            sealed = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except (binascii.Error, UnicodeEncodeError):
            raise _refused() from None
        body = sealed[_SEAL_BYTES:]
        if not hmac.compare_digest(sealed[:_SEAL_BYTES], self._seal(body)):
            raise _refused()
        version, is_beginning, epochs, rows = orjson.loads(zlib.decompressobj().decompress(body, _BODY_BYTES))
        if version != _VERSION:
            raise _refused()
        places = {name: Place(Position(ms, seq, line), epochs[epoch]) for name, ms, seq, line, epoch in rows}
        return Places(places, is_beginning)

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self._key, self._watched + body, hashlib.sha256)[:_SEAL_BYTES]


def hash_of(queue: str) -> str:
    """Return a short name for a queue: a token has room for 200 of them."""
    return hashlib.blake2s(queue.encode(), digest_size=_HASH_BYTES).hexdigest()


def _refused() -> InvalidResumeToken:
    return InvalidResumeToken(
        _FIELD, "is not from an earlier message of a watch with the same filter; watch again without one"
    )
