"""Keeps the lease of a call up while it is under way, so that a caller that dies is noticed soon."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from analysis_worker.paid.money import Purse
from analysis_worker.paid.port import Call
from analysis_worker.paid.steady import Steady
from common.errors import JobsError
from common.store.keys import ProviderKeys
from common.store.provider import calls
from common.store.provider.calls import Asked


@contextlib.asynccontextmanager
async def renewed(
    store: Steady, keys: ProviderKeys, asked: Asked, purse: Purse, call: Call, lease_ms: int
) -> AsyncIterator[None]:
    """Renew a call's lease, and that of its money, at each third of it."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(lease_ms / 3000)
            # The store may be away for a while; the next third is soon.
            with contextlib.suppress(JobsError):
                await store.run(calls.renew(keys, asked.token, lease_ms=lease_ms))
                await purse.renew(call, asked.token)

    task = asyncio.create_task(renew())
    try:
        yield
    finally:
        # Not waited for: a cancel of the caller that came meanwhile would be lost with its own.
        task.cancel()
