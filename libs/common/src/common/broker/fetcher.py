"""Asks the store for jobs of one queue: as many as threads are free, or the first to come during a sleep."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from dramatiq.errors import ConnectionClosed

from common.broker.leased import room_for
from common.errors import JobsError
from common.store import jobs
from common.store.durability import Command
from common.store.jobs import Lease
from common.store.keys import QueueKeys
from common.store.operation import STORE_ERRORS, Client, Operation

if TYPE_CHECKING:
    from common.broker.broker import JobBroker

#: A consumer looks again after this at the latest (s): what a lost wake-up costs.
WAIT_MAX_S: Final = 1.0
#: What was leased ahead and has not started after this (s) goes back; also the longest wait for a slot.
STUCK_AFTER_S: Final = 0.1
#: What no thread has come to after this (s) is taken up by all that wait.
WAKE_AFTER_S: Final = 0.01
#: A worker that sleeps has asked for the first jobs that come: so many of them, and most often one comes.
FIRST_JOBS: Final = 2
#: It sleeps for at most this share of a lease, which is taken as begun when it fell asleep.
SLEEP_OF_LEASE: Final = 1 / 8
#: Threads that were given jobs after a sleep have the interpreter for so long (s) before another is prepared:
#: what they have not come to yet would pass for work that is ahead of them.
LET_RUN_S: Final = 0.0001
#: What a fetch found is still so after this (s).
FRESH_S: Final = 0.005
#: Takes leases, for how many of which there is room, and when they were asked for (monotonic s).
TakeIn: TypeAlias = Callable[[Sequence[Lease], int, float], None]


class FetchCursor:
    """Names the fetches of one queue by one process, so that a lost reply can be asked for again."""

    def __init__(self, consumer: str) -> None:
        self.consumer = consumer
        self.number = 1


def void_fetch(client: Client, keys: QueueKeys, cursor: FetchCursor, lease_ms: int) -> None:
    """Let a fetch that was sent before a sleep get no job: it passes for the repeat of one that got none.

    Else a worker that stops could lease once more what it has just given back.

    Raises:
        redis.exceptions.RedisError: The store does not answer.
    """
    last = f"{keys.prefix}fetched:{cursor.consumer}"  # as lua/lease.lua writes it
    sender: Any = client
    sender.execute_command("SET", last, f"{cursor.number} ", "PX", lease_ms)


class Fetcher:
    """Fetches for one consumer, which takes in what comes."""

    def __init__(
        self, broker: JobBroker, keys: QueueKeys, cursor: FetchCursor, timeout_s: float, take_in: TakeIn
    ) -> None:
        self._broker = broker
        self._keys = keys
        self._cursor = cursor
        self._timeout_s = timeout_s
        self._take_in = take_in
        #: What the fetch at the end of the last sleep found, unless there is more, and when (monotonic s).
        self._found: tuple[jobs.Fetched, float] | None = None

    def look(self) -> jobs.Fetched | None:
        """Fetch, unless that was just done at the end of a sleep; None if no slot came to be free.

        Raises:
            ConnectionClosed: The store does not answer. The next fetch repeats this one.
        """
        return self._found_before() or self._fetch_all()

    def _fetch_all(self) -> jobs.Fetched | None:
        """Fetch as many jobs as there are free slots; None if none came to be free."""
        slots, queue = self._broker.slots, self._keys.queue
        wait_s = min(self._timeout_s, WAKE_AFTER_S if self._broker.more_to_come() else STUCK_AFTER_S)
        alone = slots.wants_alone(queue)
        taken = (slots.total if slots.take_all(queue, wait_s) else 0) if alone else slots.take(queue, wait_s)
        if taken == 0:
            return None
        kept = 0
        try:
            fetched = self._run(self._fetch(1 if alone else taken, alone=alone))
            kept = sum(slots.total if lease.alone else 1 for lease in fetched.leases)
        finally:
            slots.give(queue, taken - kept)
        self._heed(fetched, alone=alone)
        return fetched

    def sleep(self, wait_ms: int | None) -> None:
        """Wait for a wake-up, or until something is due, and fetch then, in the same round trip.

        No slots are held meanwhile, which other queues may need: what comes when they are used up waits for
        one, as what is leased ahead does, or goes back.
        """
        slots, queue = self._broker.slots, self._keys.queue
        busy = self._broker.more_to_come()
        longest_s = WAKE_AFTER_S if busy else self._timeout_s
        wait_s = longest_s if wait_ms is None else min(longest_s, wait_ms / 1000)
        if wait_s <= 0:
            return
        free = 0 if busy else slots.free(queue)
        if free > 0:
            wait_s = min(wait_s, self._broker.lease_ms / 1000 * SLEEP_OF_LEASE)
        # The server rounds to milliseconds, and takes 0 as "for ever".
        wait = ("BLPOP", self._keys.wake, max(wait_s, 0.001))
        if free <= 0:
            try:
                self._broker.client.execute_command(*wait)
            except STORE_ERRORS as error:
                raise ConnectionClosed(error) from error
            return
        fetched = self._run(self._fetch(min(free, FIRST_JOBS)), wait)
        if fetched.leases:
            time.sleep(LET_RUN_S)
        self._heed(fetched)
        if not fetched.more and not fetched.suspect_waits:
            self._found = fetched, time.monotonic()

    def _found_before(self) -> jobs.Fetched | None:
        """Return what the fetch of a moment ago found, if another would find the same."""
        found, self._found = self._found, None
        slots, queue = self._broker.slots, self._keys.queue
        if found is None or time.monotonic() - found[1] > FRESH_S:
            return None
        return found[0] if slots.free(queue) > 0 and not slots.wants_alone(queue) else None

    def _fetch(self, want: int, *, alone: bool = False) -> Operation[jobs.Fetched]:
        return jobs.fetch(
            self._keys,
            consumer=self._cursor.consumer,
            number=self._cursor.number,
            want=want,
            lease_ms=self._broker.lease_ms,
            worker=self._broker.worker_id,
            alone=alone,
        )

    def _run(self, fetch: Operation[jobs.Fetched], after: Command | None = None) -> jobs.Fetched:
        """Fetch, and put what came before the threads; `after` a sleep slots are taken for it only here."""
        asked_s = time.monotonic()
        runner = self._broker.runner
        try:
            fetched = runner.run(fetch) if after is None else runner.run_after(after, fetch)
        except JobsError as error:
            raise ConnectionClosed(error) from error
        self._cursor.number += 1
        if fetched.leases:
            slots, queue = self._broker.slots, self._keys.queue
            room = room_for(fetched.leases, slots.total)
            if room < len(fetched.leases):
                slots.pace(queue).note(STUCK_AFTER_S)
            if after is not None:
                slots.give(queue, -len(fetched.leases))
            self._take_in(fetched.leases, room, asked_s)
        return fetched

    def _heed(self, fetched: jobs.Fetched, *, alone: bool = False) -> None:
        """Follow what a fetch said besides."""
        slots, queue = self._broker.slots, self._keys.queue
        slots.limit_queue(queue, fetched.worker_concurrency)
        if fetched.suspect_waits and not alone:
            slots.ask_alone(queue)
