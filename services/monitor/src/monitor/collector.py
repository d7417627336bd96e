"""Looks at the store once a second and keeps the latest facts. It only reads, and never reads a job.

A look costs one script call for the queues' names, one for the workers and one for each queue, whatever
the number of jobs. Several replicas may look at the same store: they do not disturb each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from common.errors import JobsError
from common.store.keys import QueueKeys
from common.store.operation import AsyncRunner
from common.store.queues import list_queues
from common.store.servers import ServerFacts
from common.store.stats import read_stats
from common.store.workers import WorkerReport, list_workers
from monitor.facts import Facts, QueueFacts, Reading
from monitor.minutes import MinuteWindow

#: From the start of one look to the start of the next.
TICK_MS: Final = 1_000
#: A look that takes longer counts as failed; the store answers a look in a few ms.
LOOK_TIMEOUT_MS: Final = 1_000

_log = logging.getLogger(__name__)


class Collector:
    """Keeps the latest `Facts`.

    Args:
        runner: Runs the operations.
        namespace: Before every key, as the services were started with.
        servers: Reads what the store's servers say of themselves.
        replicated: The store is meant to survive the loss of one.
        store_clock: Replaces the store's clock (Unix ms) in tests.
        monotonic_ms: This process's own clock, by which facts grow old.
    """

    def __init__(
        self,
        runner: AsyncRunner,
        namespace: str,
        *,
        servers: Callable[[], Awaitable[tuple[ServerFacts, ...]]] | None = None,
        replicated: bool = False,
        store_clock: Callable[[], int] | None = None,
        monotonic_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        self._runner = runner
        self._namespace = namespace
        self._servers = servers
        self._replicated = replicated
        self._store_clock = store_clock
        self._monotonic_ms = monotonic_ms
        self._windows: dict[str, MinuteWindow] = {}
        self._unattended_since_ms: dict[str, int] = {}
        self._facts: Facts | None = None
        self._looked_at_ms = 0
        self._store_away = False
        #: What went wrong in the last look, so that an outage is logged once; "" if nothing did.
        self._failure = ""
        self._stopping = asyncio.Event()

    def reading(self) -> Reading:
        """Return the latest facts and their age."""
        age_ms = None if self._facts is None else self._monotonic_ms() - self._looked_at_ms
        return Reading(self._facts, age_ms, self._store_away)

    async def run(self, looked: Callable[[], Awaitable[None]], *, tick_ms: int = TICK_MS) -> None:
        """Look until `stop`; call `looked` after each look, and each tick while one hangs, as facts grow old.

        It ends by itself and is not cancelled: before Python 3.12 a cancellation that meets a command whose
        bytes were just sent is lost (`asyncio.wait_for`), and the task that it was meant for runs on.
        """
        while not self._stopping.is_set():
            began_ms = self._monotonic_ms()
            looking = asyncio.create_task(self.look())
            while not (await asyncio.wait({looking}, timeout=tick_ms / 1_000))[0]:
                await looked()
            await looked()
            left_ms = max(0, tick_ms - (self._monotonic_ms() - began_ms))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_ms / 1_000):
                    await self._stopping.wait()

    def stop(self) -> None:
        """Let `run` return once the present look is done."""
        self._stopping.set()

    async def look(self) -> None:
        """Look once. A look that fails leaves the facts as they were; the log says so once."""
        began_ms = self._monotonic_ms()
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_MS / 1_000):
                self._facts = await self._read()
        except (JobsError, TimeoutError) as error:
            self._store_away = True
            if self._failed("away"):
                _log.warning("the store does not answer: %s", type(error).__name__)
        except Exception:
            self._store_away = False
            if self._failed("unreadable"):
                _log.exception("what the store holds could not be read")
        else:
            self._looked_at_ms = began_ms
            self._store_away = False
            if self._failure:
                _log.info("the store is read again")
            self._failure = ""

    def _failed(self, how: str) -> bool:
        """Note a failed look. Returns whether it differs from the look before."""
        differs = self._failure != how
        self._failure = how
        return differs

    async def _read(self) -> Facts:
        store_ms, workers = await self._runner.run(list_workers(self._namespace))
        now_ms = store_ms if self._store_clock is None else self._store_clock()
        names = await self._runner.run(list_queues(self._namespace))
        self._forget_all_but(names)
        attended = {queue for worker in workers for queue in worker.queues}
        queues = [await self._read_queue(name, now_ms, attended=name in attended) for name in names]
        servers = await self._servers() if self._servers is not None else ()
        return Facts(
            self._namespace, now_ms, tuple(queues), _by_id(workers), servers, replicated=self._replicated
        )

    async def _read_queue(self, queue: str, now_ms: int, *, attended: bool) -> QueueFacts:
        window = self._windows.setdefault(queue, MinuteWindow())
        keys = QueueKeys(self._namespace, queue)
        given_ms = None if self._store_clock is None else now_ms
        periods = None
        while periods is None:
            wanted = window.wanted(now_ms)
            statistics = await self._runner.run(read_stats(keys, minutes=wanted, now_ms=given_ms))
            periods = window.take(statistics)
            now_ms = statistics.now_ms
        return QueueFacts(
            queue=queue,
            read_ms=now_ms,
            pending=statistics.ready,
            scheduled=statistics.scheduled,
            retrying=statistics.retrying,
            running=statistics.leased,
            oldest_pending_ms=statistics.oldest_ready_ms,
            paused=statistics.paused,
            unattended_since_ms=self._unattended(queue, now_ms, attended=attended),
            total=statistics.total,
            last_minute=periods.last_minute,
            last_hour=periods.last_hour,
            recent=periods.recent,
            latency=periods.latency,
            started_lately=periods.started_lately,
        )

    def _unattended(self, queue: str, now_ms: int, *, attended: bool) -> int | None:
        if attended:
            self._unattended_since_ms.pop(queue, None)
            return None
        return self._unattended_since_ms.setdefault(queue, now_ms)

    def _forget_all_but(self, queues: list[str]) -> None:
        for gone in self._windows.keys() - set(queues):
            del self._windows[gone]
            self._unattended_since_ms.pop(gone, None)


def _by_id(workers: list[WorkerReport]) -> tuple[WorkerReport, ...]:
    return tuple(sorted(workers, key=lambda worker: worker.worker_id))
