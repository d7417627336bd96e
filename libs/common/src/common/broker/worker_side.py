"""What a broker has in a process that runs jobs: slots, leases, and the threads that look after them."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

import dramatiq
from dramatiq.broker import Broker
from dramatiq.common import iter_queue
from dramatiq.middleware import Middleware, TimeLimit

from common.broker.arguments import ArgumentsReader
from common.broker.cancels import CancelListener
from common.broker.committer import Committer
from common.broker.fetcher import STUCK_AFTER_S, WAKE_AFTER_S, FetchCursor, void_fetch
from common.broker.hooks import HookedBroker
from common.broker.interrupter import Interrupter
from common.broker.isolation import refuse_unisolated
from common.broker.leases import LeaseKeeper
from common.broker.outbox import OutboxRelay
from common.broker.overdue import tell_overdue
from common.broker.reporter import Reporter
from common.broker.running import RunningJob, StopReason
from common.broker.slots import Slots
from common.broker.work_queue import WorkQueue
from common.files.files import Files
from common.job.outcome import Release
from common.store.durability import Durability
from common.store.keys import QueueKeys
from common.store.operation import STORE_ERRORS, Client, SyncRunner

#: What ends are waited for when a worker shuts down (s).
FLUSH_S: Final = 30.0


class WorkerSide(HookedBroker):
    """The half of JobBroker that is used where jobs run; its arguments are explained there."""

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        lease_ms: int,
        middleware: list[Middleware],
        concurrency: Mapping[str, int] | None,
        default_concurrency: int | None,
        durability: Durability,
        files: Files | None,
    ) -> None:
        super().__init__(middleware)
        self.queues: dict[str, QueueKeys] = {}
        self.client: Any = client
        self.namespace = namespace
        self.lease_ms = lease_ms
        self.runner = SyncRunner(client, durability=durability)
        self.files = files
        self.draining = threading.Event()
        self._lock = threading.Lock()
        self._cursors: dict[str, FetchCursor] = {}
        self._concurrency = concurrency
        self._default_concurrency = default_concurrency
        self._slots: Slots | None = None
        self._work_queue: WorkQueue | None = None
        self._identity: tuple[int, str] | None = None
        self._pid = os.getpid()
        self._start_parts()

    def _start_parts(self) -> None:
        self.keeper = LeaseKeeper(self.runner, self.namespace, self.lease_ms, self._look_at_jobs)
        self.committer = Committer(self.runner, self.namespace, self._committed, self.more_to_come)
        self.cancels = CancelListener(self.client, self.keeper)
        self.outbox = OutboxRelay(self.runner, self.namespace, self.files)
        self.arguments = ArgumentsReader(self.files)
        self.interrupter = Interrupter()

    def more_to_come(self) -> bool:
        """Say whether jobs are before the worker's threads."""
        return self._work_queue is not None and not self._work_queue.empty()

    def _committed(self, ended: list[RunningJob]) -> None:
        self.keeper.drop(ended)
        if any(job.followups for job in ended):
            self.outbox.poke()

    @property
    def worker_id(self) -> str:
        """Name of this process among workers: host, process id, and a random part."""
        pid = os.getpid()
        if self._identity is None or self._identity[0] != pid:
            self._identity = (pid, f"{socket.gethostname()}:{pid}:{uuid4().hex[:8]}")
        return self._identity[1]

    @property
    def slots(self) -> Slots:
        """Free threads of this process's worker.

        Raises:
            RuntimeError: Nothing consumes here.
        """
        if self._slots is None:
            raise RuntimeError("no worker was started on this broker")
        return self._slots

    def use_slots(self, total: int) -> None:
        """Say how many jobs this process runs at once; called when its worker boots.

        In a process that was forked from one that consumed, the threads of the broker are started anew.
        """
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._cursors.clear()
            self._start_parts()
        self._slots = Slots(total, self._concurrency, self._default_concurrency)
        if self.draining.is_set():
            for cursor in self._cursors.values():
                cursor.number += 1  # that of a fetch which was made void
            self.arguments = ArgumentsReader(self.files)
            self.draining.clear()

    def running_jobs(self) -> list[RunningJob]:
        """Return the jobs that this process holds."""
        return self.keeper.jobs()

    def use_work_queue(self, work_queue: WorkQueue) -> None:
        """Say through what the consumers hand jobs to the threads; called when a worker boots."""
        self._work_queue = work_queue

    @property
    def work_queue(self) -> WorkQueue | None:
        """Where the threads of this process's worker take jobs from; None while there is no worker."""
        return self._work_queue

    def _look_at_jobs(self) -> None:
        self.give_back_stuck()
        self.arguments.give_back_overdue()
        tell_overdue(self.keeper.jobs())

    def give_back_stuck(self) -> None:
        """Release what was leased ahead and waits behind jobs that turned out long, or behind a pause.

        Before that, have all threads take part that wait.
        """
        if self._work_queue is None or self._work_queue.stuck_s < WAKE_AFTER_S:
            return
        self._work_queue.wake_all()
        if self._work_queue.stuck_s < STUCK_AFTER_S:
            return
        for item in iter_queue(self._work_queue):
            job = item.message.job
            self.slots.pace(job.queue).note(STUCK_AFTER_S)
            self.slots.give(job.queue, 1)
            self.committer.end(job, Release(reason="STUCK"))
            self._work_queue.task_done()

    def stop_fetching(self) -> None:
        """Take no more jobs until a worker boots again. When no slot is used, none will be."""
        if self.draining.is_set():
            return
        self.draining.set()
        if self._slots is not None:
            self._slots.close()
        self.arguments.close()
        try:
            for queue, cursor in list(self._cursors.items()):
                void_fetch(self.client, self.queues[queue], cursor, self.lease_ms)
        except STORE_ERRORS:
            self.logger.debug("what is fetched from now on will be given back")

    def stop_jobs(self, reason: StopReason) -> None:
        """Tell all running jobs to stop, and take no more."""
        self.stop_fetching()
        for job in self.keeper.jobs():
            job.stop(reason)

    def settle(self) -> None:
        """Write what is still to be written, and end the broker's threads; a later worker has new ones."""
        self.arguments.close()
        if not self.committer.flush(FLUSH_S):
            self.logger.error("outcomes were not written within %.0f s; their jobs will run again", FLUSH_S)
        self.committer.close()
        self.keeper.close()
        self.cancels.close()
        self.interrupter.close()
        self.outbox.close()
        self._slots = None
        self._work_queue = None
        self._start_parts()

    def close(self) -> None:
        """Write what is still to be written."""
        self.settle()


class WorkerLife(Middleware):
    """Ties the broker's own threads to the worker's life."""

    def __init__(self, reports: bool) -> None:
        self._reports = reports
        self._reporter: Reporter | None = None

    def before_worker_boot(self, broker: Broker, worker: dramatiq.Worker) -> None:
        if isinstance(broker, WorkerSide):
            refuse_unisolated(broker, worker.consumer_whitelist or broker.queues)
            broker.use_slots(worker.worker_threads)
            worker.work_queue = work_queue = WorkQueue()  # type: ignore[assignment]
            broker.use_work_queue(work_queue)
            limited = any(isinstance(one, TimeLimit) for one in broker.middleware)
            broker.interrupter.start(limits=not limited)

    def after_worker_boot(self, broker: Broker, worker: dramatiq.Worker) -> None:
        if self._reports and isinstance(broker, WorkerSide):
            self._reporter = Reporter(broker, lambda: sorted(worker.consumers.copy()))
            self._reporter.start()

    def before_worker_shutdown(self, broker: Broker, worker: dramatiq.Worker) -> None:
        if isinstance(broker, WorkerSide):
            broker.stop_fetching()

    def after_worker_shutdown(self, broker: Broker, worker: dramatiq.Worker) -> None:
        if isinstance(broker, WorkerSide):
            broker.settle()
        if self._reporter is not None:
            self._reporter.close()
            self._reporter = None
