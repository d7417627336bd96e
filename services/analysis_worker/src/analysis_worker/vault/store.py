"""Placeholder maps in the built-in store, beside their conversations; sealed where there is a key."""

from __future__ import annotations

import logging
from typing import Final, TypeVar

from analysis_worker.paid.door import Door
from analysis_worker.paid.keeping import BodyUnreadable, Keeping
from analysis_worker.paid.port import OutboundForbidden
from analysis_worker.sources.port import not_found
from analysis_worker.vault.port import KeptMap
from common.errors import StoreFull, StoreUnavailable
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass
from common.store.operation import LoopRunner, Operation
from common.store.placeholders import MapKept, keep_map, read_map

T = TypeVar("T")
#: A packed map above this (bytes) is not kept: it is made anew each time.
MOST_BYTES: Final = 4 * 1024**2
_log = logging.getLogger(__name__)


class StoredVault:
    """Keeps maps in the slot of their conversations; a Vault.

    Args:
        keep_ms: How long a map is kept after its last use, where conversations are not in this store; None
            where they are: it is kept as long as they are.
        door: Of a tenant whose text may not leave no map is kept, as none is needed.
    """

    def __init__(
        self,
        runner: LoopRunner,
        namespace: str,
        *,
        keeping: Keeping | None = None,
        keep_ms: int | None = None,
        door: Door | None = None,
    ) -> None:
        self._runner = runner
        self._namespace = namespace
        self._keeping = keeping or Keeping()
        self._keep_ms = keep_ms
        self._door = door or Door()

    async def load(self, tenant: str, conversation_id: str) -> KeptMap:
        """Return the map of a conversation; errors as the port says."""
        packed = await self._run(read_map(self._namespace, tenant, conversation_id, keep_ms=self._keep_ms))
        if packed is None:
            return KeptMap()
        try:
            return KeptMap(
                packed.version, self._keeping.unpack(packed.body, _context(tenant, conversation_id))
            )
        except BodyUnreadable:
            _log.warning("a placeholder map cannot be read, as with another key: it is made anew")
            return KeptMap(packed.version)

    async def keep(self, tenant: str, conversation_id: str, body: bytes, *, over: KeptMap) -> bool:
        """Keep a map, unless another one has been kept; errors as the port says."""
        try:
            self._door.check(tenant)
        except OutboundForbidden:
            return True
        packed = self._keeping.pack(body, _context(tenant, conversation_id))
        if len(packed) > MOST_BYTES:
            _log.warning("a placeholder map of %d bytes is too large to be kept", len(packed))
            return True
        kept = await self._run(
            keep_map(
                self._namespace,
                tenant,
                conversation_id,
                packed,
                over=over.version,
                keep_ms=self._keep_ms,
            )
        )
        if kept is MapKept.GONE:
            raise not_found(conversation_id)
        return kept is MapKept.KEPT

    async def _run(self, operation: Operation[T]) -> T:
        try:
            return await self._runner.run(operation)
        except (StoreUnavailable, StoreFull) as error:
            raise AttemptFailed(
                ErrorClass.TRANSIENT, error.reason, error.message, retry_after_ms=error.retry_after_ms
            ) from error


def _context(tenant: str, conversation_id: str) -> str:
    """Return what a map is sealed for: it opens for no other conversation."""
    return f"placeholders\0{tenant}\0{conversation_id}"
