"""What stands for a request, to tell a repeat from another use of its id."""

from __future__ import annotations

import binascii
import hashlib

#: 72 bits. A digest is compared with that of one other request, of the same tenant with the same id: of those
#: that differ one in 10^21 passes for a repeat, and one is kept for each job.
_BYTES = 9
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def request_digest(asked: bytes) -> str:
    """Return 12 characters that stand for `asked`."""
    spelled = binascii.b2a_base64(hashlib.sha256(asked).digest()[:_BYTES], newline=False)
    return spelled.translate(_URL_SAFE).decode("ascii")
