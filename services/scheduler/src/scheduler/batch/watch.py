"""Watching a batch to its end: the batch as it is, then again after each change, at most twice a second.

A message is the whole batch, so that whoever misses one misses nothing that the next does not say; a resume
token is the number of the last change that was told.
"""

from __future__ import annotations

import base64
import binascii
import time
from asyncio import sleep, timeout
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from time import monotonic
from typing import Final

import orjson

from common.errors import BatchNotFound, Draining, InvalidResumeToken, WatchTooSlow
from common.job.ids import JobId
from common.store.events import Deleted, StateChanged
from scheduler.batch.book import Book, Shown
from scheduler.watch.feeds import Feeds
from scheduler.watch.position import Placed
from scheduler.watch.subscription import FellBehind, Gap, Subscription
from scheduler.watch.watch import HEARTBEAT_S

#: Changes that come within this time share a message (s).
TELL_EVERY_S: Final = 0.5
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class BatchUpdate:
    """One message of a watch; without a batch it says that nothing happened."""

    shown: Shown | None
    resume_token: str
    at_ms: int


class BatchWatches:
    """Opens watches of batches.

    Args:
        queue: Of which the feeds read the batches' events.
    """

    def __init__(self, book: Book, feeds: Feeds, queue: str, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._book = book
        self._feeds = feeds
        self._queue = queue
        self._heartbeat_s = heartbeat_s

    async def watch(
        self, batch_id: str, tenant: str, *, resume_token: str
    ) -> AsyncGenerator[BatchUpdate, None]:
        """Yield a batch as it is and as it becomes, until it has ended.

        Args:
            resume_token: Of the last message that was received; "" begins with the batch as it is.

        Raises:
            BatchNotFound: There is no such batch of this tenant, or no longer.
            InvalidResumeToken: The token is of another batch, or no token.
            WatchTooSlow: The updates were not taken fast enough.
            Draining: This replica shuts down; another goes on with the last token.
        """
        if self._feeds.closed:
            raise Draining(resume_token)
        told = _revision_in(resume_token, batch_id) if resume_token else None
        await self._book.get(tenant, batch_id)
        feed = self._feeds.of(self._queue).feed
        async with feed.subscribe(JobId(batch_id)) as subscription:
            while True:
                shown = await self._book.get(tenant, batch_id)
                told_s = monotonic()
                if shown.batch.revision != told:
                    told = shown.batch.revision
                    yield BatchUpdate(shown, _token(batch_id, told), shown.batch.updated_ms)
                if shown.batch.state.is_final:
                    return
                token = _token(batch_id, told)
                while not await self._changed(subscription, token, told_s):
                    yield BatchUpdate(None, token, time.time_ns() // 1_000_000)

    async def _changed(self, subscription: Subscription, token: str, told_s: float) -> bool:
        """Wait for a change, and those that follow it at once; False after a time of silence."""
        try:
            async with timeout(self._heartbeat_s):
                item = await subscription.next()
            if not _is_move(item):
                await sleep(max(0.0, told_s + TELL_EVERY_S - monotonic()))
            while not subscription.is_empty:
                item = await subscription.next()
        except TimeoutError:
            return False
        except FellBehind:
            raise WatchTooSlow(token) from None
        except Draining:
            raise Draining(token) from None
        if isinstance(item, Placed) and isinstance(item.event, Deleted):
            raise BatchNotFound(item.event.job_id)
        return True


def _is_move(item: Placed | Gap) -> bool:
    return isinstance(item, Placed) and isinstance(item.event, (StateChanged, Deleted))


def _token(batch_id: str, revision: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([_VERSION, batch_id, revision])).decode().rstrip("=")


def _revision_in(token: str, batch_id: str) -> int:
    try:
        body = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        version, of_batch, revision = orjson.loads(body)
        if version != _VERSION or type(revision) is not int:
            raise ValueError("not of this version")
    except (binascii.Error, ValueError, TypeError):
        raise InvalidResumeToken("resume_token", "is not a resume token; watch again without one") from None
    if of_batch != batch_id:
        raise InvalidResumeToken("resume_token", "is of another batch; watch again without one")
    return revision
