"""What stands for a request, to tell a repeat from another use of its id."""

from __future__ import annotations

import base64
import hashlib

#: 96 bits: two requests of one id that differ meet by chance once in 10^28, and one is kept for each job.
_BYTES = 12


def request_digest(asked: bytes) -> str:
    """Return 16 characters that stand for `asked`."""
    return base64.urlsafe_b64encode(hashlib.sha256(asked).digest()[:_BYTES]).decode("ascii")
