"""The store for the event loop that jobs run on: one connection for all its scripts, opened by the first."""

from __future__ import annotations

from typing import Any

from common.settings import StoreSettings
from common.store.clients import async_redis_client, shared_connection
from common.store.operation import AsyncRunner


class LoopStore:
    """What jobs and their paid calls read and write through. Made for one event loop."""

    def __init__(self, settings: StoreSettings) -> None:
        self._client: Any = async_redis_client(settings, name="analysis_worker-jobs")
        self._shared = shared_connection(self._client)
        self.runner = AsyncRunner(self._client, durability=settings.durability, shared=self._shared)

    async def close(self) -> None:
        """Let go of the store."""
        if self._shared is not None:
            await self._shared.aclose()
        await self._client.aclose()
