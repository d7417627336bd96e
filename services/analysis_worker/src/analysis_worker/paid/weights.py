"""How much of a model's limits a tenant gets while tenants compete: by its weight in a queue's settings."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Final

from common.errors import JobsError
from common.job.limits import TenantLimits
from common.store import queue_settings
from common.store.keys import queue_keys
from common.store.operation import AsyncRunner

#: Settings are read anew after this (s).
FRESH_S: Final = 10.0


class TenantWeights:
    """Weights as UpdateQueue sets them for one queue; 1 for a tenant without."""

    def __init__(self, store: AsyncRunner, namespace: str, queue: str) -> None:
        self._store = store
        self._keys = queue_keys(namespace, queue)
        self._limits: Mapping[str, TenantLimits] = {}
        self._read_s = float("-inf")

    async def __call__(self, tenant: str) -> float:
        """Return a tenant's weight; as last read while the store is away."""
        if time.monotonic() - self._read_s > FRESH_S:
            self._read_s = time.monotonic()
            with contextlib.suppress(JobsError):
                self._limits = (await self._store.run(queue_settings.describe(self._keys))).tenants
        limits = self._limits.get(tenant)
        return 1.0 if limits is None else limits.weight
