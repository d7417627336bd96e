"""One feed a queue, shared by all watches; and which queues there are, for those that watch any."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from common.errors import JobsError
from common.store import queues
from common.store.keys import QueueKeys, queue_keys
from common.store.operation import AsyncRunner
from scheduler.watch.feed import EventFeed
from scheduler.watch.inbox import Inbox
from scheduler.watch.stream import EventStream

#: Between two looks for new queues, while anyone watches them (s).
LOOK_EVERY_S: Final = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """One queue: its stream, and the feed that reads it."""

    stream: EventStream
    feed: EventFeed


class Feeds:
    """The feeds of one scheduler.

    Args:
        watched: Makes what reads a queue; called once a queue.
    """

    def __init__(
        self,
        store: AsyncRunner,
        namespace: str,
        watched: Callable[[QueueKeys], Watched],
        *,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._store = store
        self._namespace = namespace
        self._make = watched
        self._look_every_s = look_every_s
        self._queues: dict[str, Watched] = {}
        self._inboxes: set[Inbox] = set()
        self._looking: asyncio.Task[None] | None = None
        #: All queues that are known, while anyone watches them.
        self.names: frozenset[str] = frozenset()
        self.closed = False

    def of(self, queue: str) -> Watched:
        """Return what reads a queue; the same each time."""
        if queue not in self._queues:
            self._queues[queue] = self._make(queue_keys(self._namespace, queue))
        return self._queues[queue]

    @asynccontextmanager
    async def poking(self, inbox: Inbox) -> AsyncIterator[None]:
        """Keep `names` up to date, and poke the inbox whenever there is a new one.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        await self._look()
        self._inboxes.add(inbox)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_again())
        try:
            yield
        finally:
            self._inboxes.remove(inbox)
            if not self._inboxes and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def close(self) -> None:
        """End all feeds, and with them all watches."""
        self.closed = True
        for queue in self._queues.values():
            queue.feed.close()

    async def _look_again(self) -> None:
        """Look until cancelled, even if the store's client swallowed the cancellation, as it can."""
        while asyncio.current_task() is self._looking:
            await asyncio.sleep(self._look_every_s)
            try:
                await self._look()
            except JobsError as error:
                _log.warning("the queues cannot be listed, trying again: %s", error.reason)

    async def _look(self) -> None:
        known = await self._store.run(queues.list_queues(self._namespace))
        names = frozenset(known)
        if names != self.names:
            self.names = names
            for inbox in self._inboxes:
                inbox.poke()
