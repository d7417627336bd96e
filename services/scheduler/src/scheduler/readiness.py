"""Readiness: grpc.health.v1 says SERVING only while the store answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from redis.exceptions import RedisError

from common.store import keys
from common.store.operation import AsyncClient

#: Between two looks (s).
EVERY_S: Final = 1.0
#: An answer that takes longer is none (s).
PATIENCE_S: Final = 2.0
_log = logging.getLogger(__name__)


class StoreProbe:
    """Asks the store now and then whether it is there, and reports each change.

    Of a cluster it asks the node that holds the register of queues: with another away, the rest still works.

    Args:
        report: Takes whether the store answers: after the first look, and whenever that changes.
    """

    def __init__(
        self,
        client: AsyncClient,
        namespace: str,
        report: Callable[[bool], Awaitable[None]],
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._client: Any = client
        self._key = keys.queues(namespace)
        self._report = report
        self._every_s = every_s
        self._answered: bool | None = None

    async def run(self) -> None:
        """Look until cancelled, even if the store's client swallowed the cancellation, as it can."""
        me = asyncio.current_task()
        while me is not None and not me.cancelling():
            await self.look()
            if not me.cancelling():
                await asyncio.sleep(self._every_s)

    async def look(self) -> None:
        """Look once."""
        answers = await self._answers()
        if answers == self._answered:
            return
        if not answers:
            _log.error("the store does not answer; not serving until it does")
        elif self._answered is False:
            _log.info("the store answers again")
        self._answered = answers
        await self._report(answers)

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._client.exists(self._key)
        except (RedisError, OSError, TimeoutError):
            return False
        return True
