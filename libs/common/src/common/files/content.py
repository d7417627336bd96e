"""What is in a file: arguments, compressed, and sealed if there is a key for that."""

from __future__ import annotations

import hashlib
import zlib
from typing import Final

from common.sealing import Sealer, key_of
from common.store.filed import Filed
from common.store.packing import digest_of, inflated

_OPEN: Final = b"z"
_SEALED: Final = b"s"
#: Names the key of a sealed file (bytes), and says nothing of it.
_KEY_NAME_BYTES: Final = 8
#: No file has more bytes beyond what it holds.
OVERHEAD_BYTES: Final = 1_024


class OtherKey(Exception):
    """It was sealed with another key than this process has."""


class FileDamaged(Exception):
    """It does not hold what its name says."""


class Envelope:
    """Puts arguments into files and takes them out.

    Args:
        key: Seals what is put in, as `openssl rand -base64 32` makes one; "" for none.

    Raises:
        ValueError: It is no such key.
    """

    def __init__(self, key: str = "") -> None:
        self._sealer = Sealer(key_of(key)) if key else None
        self._name = hashlib.sha256(b"file key\0" + key_of(key)).digest()[:_KEY_NAME_BYTES] if key else b""

    def put(self, small: bytes, digest: str) -> bytes:
        """Return the bytes of a file with compressed arguments."""
        if self._sealer is None:
            return _OPEN + small
        return _SEALED + self._name + self._sealer.seal(small, digest.encode())

    def take(self, data: bytes, filed: Filed, tenant: str) -> bytes:
        """Return the whole message of a file's bytes.

        Raises:
            OtherKey: This process cannot open it.
            FileDamaged: It has other bytes than were written, or another tenant's.
        """
        try:
            shared = inflated(self._opened(data, filed.name.digest), filed.size)
        except (ValueError, zlib.error) as error:
            raise FileDamaged from error
        if digest_of(tenant, shared) != filed.name.digest:
            raise FileDamaged
        return filed.whole(shared)

    def _opened(self, data: bytes, digest: str) -> bytes:
        if data.startswith(_OPEN):
            return data[1:]
        if not data.startswith(_SEALED):
            raise ValueError("of no kind")
        if self._sealer is None or data[1 : 1 + _KEY_NAME_BYTES] != self._name:
            raise OtherKey
        return self._sealer.open(data[1 + _KEY_NAME_BYTES :], digest.encode())
