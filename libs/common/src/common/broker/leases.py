"""Keeps the leases of running jobs alive, on a thread that no job can hold up."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from common.broker.fence import Fence
from common.broker.running import RunningJob, StopReason
from common.errors import JobsError
from common.store import jobs
from common.store.keys import QueueKeys
from common.store.operation import SyncRunner

#: A lease is renewed when this share of it has passed.
RENEW_AT: Final = 1 / 3
#: The most leases in one renew call.
BATCH: Final = 256
_log = logging.getLogger(__name__)


class LeaseKeeper:
    """Renews what is held, and stops jobs that were cancelled, lost, or not renewed in time.

    `before_renewing` may first give back what is held in vain.
    """

    def __init__(
        self,
        runner: SyncRunner,
        namespace: str,
        lease_ms: int,
        before_renewing: Callable[[], None] = lambda: None,
    ) -> None:
        self._before_renewing = before_renewing
        self._runner = runner
        self._namespace = namespace
        self._lease_ms = lease_ms
        #: By member: the job, and when (monotonic s) its lease was last known to be good.
        self._held: dict[str, tuple[RunningJob, float]] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._fence = Fence(self._good_since, lease_ms)
        self._last_contact_s = time.monotonic()

    def hold(self, jobs: Iterable[RunningJob], fetched_s: float) -> None:
        """Keep leases that were asked for at `fetched_s` (monotonic s), which is no later than they began."""
        with self._lock:
            for job in jobs:
                self._held[job.lease.member] = (job, fetched_s)
            self._last_contact_s = max(self._last_contact_s, fetched_s)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="LeaseKeeper", daemon=True)
                self._thread.start()
                self._fence.start()

    def drop(self, jobs: Iterable[RunningJob]) -> None:
        """Let leases go: the ends of their jobs are written."""
        with self._lock:
            for job in jobs:
                self._held.pop(job.lease.member, None)

    def find(self, member: str) -> RunningJob | None:
        """Return the held job of a lease member."""
        with self._lock:
            held = self._held.get(member)
        return held[0] if held is not None else None

    def jobs(self) -> list[RunningJob]:
        """Return all jobs whose leases are held."""
        with self._lock:
            return [job for job, _ in self._held.values()]

    @property
    def silence_ms(self) -> float:
        """How long the oldest held lease has gone without a good renewal; 0 when none is held."""
        with self._lock:
            oldest = min((good_s for _, good_s in self._held.values()), default=None)
        return 0.0 if oldest is None else (time.monotonic() - oldest) * 1000

    @property
    def alive(self) -> bool:
        """The threads run, or were never needed."""
        return self._thread is None or (self._thread.is_alive() and self._fence.alive)

    def renew_soon(self) -> None:
        """Renew all leases now, which brings the cancels that nobody heard of."""
        self._wake.set()

    def close(self) -> None:
        """End the thread. Leases still held run out by themselves."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._fence.close()

    def _good_since(self) -> list[tuple[RunningJob, float]]:
        with self._lock:
            return list(self._held.values())

    def _run(self) -> None:
        while True:
            self._wake.wait(self._lease_ms * RENEW_AT / 1000)
            self._wake.clear()
            if self._closed:
                return
            try:
                self._before_renewing()
                self._renew_all()
            except Exception:
                _log.exception("leases could not be renewed")

    def _renew_all(self) -> None:
        by_queue: defaultdict[str, list[RunningJob]] = defaultdict(list)
        for job in self.jobs():
            if job.stop_reason is not StopReason.LOST:
                by_queue[job.queue].append(job)
        for queue, held in by_queue.items():
            for start in range(0, len(held), BATCH):
                self._renew(QueueKeys(self._namespace, queue), held[start : start + BATCH])

    def _renew(self, keys: QueueKeys, held: list[RunningJob]) -> None:
        asked_s = time.monotonic()
        members = [job.lease.member for job in held]
        try:
            answers = self._runner.run(jobs.renew(keys, members, lease_ms=self._lease_ms))
        except JobsError as error:
            _log.warning("%d leases of %s were not renewed: %s", len(held), keys.queue, error.reason)
            return
        for job, answer in zip(held, answers, strict=True):
            if answer == jobs.LOST:
                # Also when its end was written a moment ago: then nobody runs it any more.
                job.stop(StopReason.LOST)
                continue
            with self._lock:
                if job.lease.member in self._held:
                    self._held[job.lease.member] = (job, asked_s)
            if answer == jobs.STOP:
                job.stop(StopReason.CANCEL)
