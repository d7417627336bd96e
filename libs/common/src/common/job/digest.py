"""What stands for a request, to tell a repeat from another use of its id."""

from __future__ import annotations

import binascii
import hashlib

#: 96 bits: two requests of one id that differ meet by chance once in 10^28, and one is kept for each job.
_BYTES = 12
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def request_digest(asked: bytes) -> str:
    """Return 16 characters that stand for `asked`."""
    spelled = binascii.b2a_base64(hashlib.sha256(asked).digest()[:_BYTES], newline=False)
    return spelled.translate(_URL_SAFE).decode("ascii")
