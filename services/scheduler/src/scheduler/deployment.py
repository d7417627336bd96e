"""What all replicas of one deployment share and no one else knows: a sealing key, and the store's epoch.

Kept in the store: {NS}:deployment  hash  seal (32 random bytes), epoch (16 hexadecimal digits).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any, Final

from redis.exceptions import RedisError

from common.store import keys
from common.store.operation import AsyncClient, translated

_SEAL: Final = "seal"
_EPOCH: Final = "epoch"
_KEY_BYTES: Final = 32


class Deployment:
    """Reads the shared values, and makes them where there are none yet.

    Args:
        secret: A secret that all replicas have been given; the sealing key is derived from it.
            None: the key is drawn at random once, and kept in the store.
    """

    def __init__(self, client: AsyncClient, namespace: str, *, secret: str | None = None) -> None:
        self._client: Any = client
        self._key = keys.deployment(namespace)
        self._seal_key = None if secret is None else _derived(secret)

    async def seal_key(self) -> bytes:
        """Return the key that tokens of this deployment are sealed with.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        if self._seal_key is None:
            self._seal_key = await self._shared(_SEAL, secrets.token_bytes(_KEY_BYTES))
        return self._seal_key

    async def epoch(self, former: str) -> str:
        """Return a name for the history that a queue's server holds.

        It changes when the store is another or empty, and when a replica was promoted, which may lack
        the last events of the server before it; positions in an event stream mean nothing beyond it.

        Args:
            former: A name of the server that the queue's was promoted after.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        made = await self._shared(_EPOCH, secrets.token_hex(8).encode())
        return f"{made.decode()}.{former}"

    async def _shared(self, field: str, proposal: bytes) -> bytes:
        try:
            await self._client.hsetnx(self._key, field, proposal)
            value: bytes = await self._client.hget(self._key, field)
        except RedisError as error:
            raise translated(error) from error
        return value


def _derived(secret: str) -> bytes:
    """Return a key for this purpose alone (HKDF's first step, RFC 5869, with the purpose as salt)."""
    return hmac.digest(b"bothsides-jobs page tokens", secret.encode(), hashlib.sha256)
