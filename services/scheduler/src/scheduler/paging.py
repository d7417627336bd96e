"""Page tokens: where a list goes on, sealed so that only this deployment makes one, and only for its list."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Final

import orjson

from common.errors import InvalidPageToken
from scheduler.deployment import Deployment

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 500

_FIELD: Final = "page_token"
_ADVICE: Final = "is not from an earlier response with the same other fields; begin again without one"
#: Truncated as RFC 2104, section 5 allows: half of the hash.
_SEAL_BYTES: Final = 16


def page_size_of(asked: int) -> int:
    """Return how many to put on a page; 0 asks for the default, and more than the maximum for that."""
    return min(asked or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


class PageTokens:
    """Seals and opens page tokens. A token says where to go on; its seal also covers what was listed."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    async def seal(self, cursor: Sequence[str | int], *listed: str) -> str:
        """Return a token for `cursor` in the list that `listed` identifies: its kind, tenant, filter."""
        body = orjson.dumps(cursor)
        return base64.urlsafe_b64encode(await self._seal(body, listed) + body).decode().rstrip("=")

    async def open(self, token: str, *listed: str) -> list[Any]:
        """Return the cursor in a token.

        Raises:
            InvalidPageToken: It was not sealed by this deployment, or for another list.
        """
        try:
            sealed = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except (binascii.Error, UnicodeEncodeError):
            raise InvalidPageToken(_FIELD, _ADVICE) from None
        body = sealed[_SEAL_BYTES:]
        if not hmac.compare_digest(sealed[:_SEAL_BYTES], await self._seal(body, listed)):
            raise InvalidPageToken(_FIELD, _ADVICE)
        cursor: list[Any] = orjson.loads(body)
        return cursor

    async def _seal(self, body: bytes, listed: Sequence[str]) -> bytes:
        message = orjson.dumps(listed) + body
        return hmac.digest(await self._deployment.seal_key(), message, hashlib.sha256)[:_SEAL_BYTES]
