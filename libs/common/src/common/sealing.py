"""Sealing of what is kept: AES-256 in Galois/Counter Mode (NIST SP 800-38D), by one key from the settings.

What is sealed opens only with the key and in its own context, such as the id it is kept under: it can be
neither read, changed nor put in another's place.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
#: Drawn at random for each sealing. A key may seal 2^32 times before two that are alike become too likely
#: (SP 800-38D, 8.3).
_NONCE_BYTES: Final = 12


class Sealer:
    """Seals and opens with one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, data: bytes, context: bytes) -> bytes:
        """Return `data` so that only `open` with the same context returns it; 28 bytes longer."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, context)

    def open(self, data: bytes, context: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            ValueError: It was sealed with another key or in another context, or has been changed.
        """
        try:
            return self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], context)
        except InvalidTag as error:
            raise ValueError("it was sealed otherwise, or has been changed") from error


def key_of(text: str) -> bytes:
    """Read a key: 32 bytes in base64, as `openssl rand -base64 32` makes one.

    Raises:
        ValueError: It is no such key. The message does not quote it.
    """
    try:
        key = base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(
            f"must be {KEY_BYTES} bytes in base64, such as `openssl rand -base64 {KEY_BYTES}` makes"
        )
    return key
