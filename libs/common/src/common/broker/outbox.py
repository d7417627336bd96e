"""Submits what ends of jobs have caused: callbacks, the next steps of pipelines, and the like.

The end of a job and what it causes are one write, so that neither a killed worker nor a server that is away
can lose the one without the other. Several relays may work on one outbox; a job is submitted once by its id.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from common.errors import FileStoreUnavailable, JobsError, QueueFull, StoreFull, StoreUnavailable
from common.files.files import Files
from common.files.filing import drive, submitting
from common.job.model import JobRequest
from common.store import jobs, outbox, queues
from common.store.jobs import Draining, Full, Submitted
from common.store.keys import queue_keys
from common.store.operation import SyncRunner
from common.store.packing import is_large

#: Entries that another relay has left, or that a full queue has sent back, are looked for this often (s).
LOOK_EVERY_S: Final = 5.0
#: Entries in one look.
BATCH: Final = 100
_log = logging.getLogger(__name__)


class OutboxRelay:
    """Owns one thread, started with the first queue that is looked after."""

    def __init__(self, runner: SyncRunner, namespace: str, files: Files | None = None) -> None:
        self._runner = runner
        self._files = files
        self._namespace = namespace
        self._queues: set[str] = set()
        self._declared: set[str] = set()
        self._poked = threading.Event()
        self._closed = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def look_after(self, queue: str) -> None:
        """Relay the outbox of one more queue."""
        with self._lock:
            if queue in self._queues:
                return
            self._queues.add(queue)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="OutboxRelay", daemon=True)
                self._thread.start()

    def poke(self) -> None:
        """Look now: something was written."""
        self._poked.set()

    def close(self) -> None:
        """Relay what is there, and end the thread."""
        self._closed = True
        self._poked.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            self._poked.wait(LOOK_EVERY_S)
            self._poked.clear()
            self._relay_all()
        # What was written while the last look was under way.
        self._relay_all()

    def _relay_all(self) -> None:
        with self._lock:
            watched = list(self._queues)
        for queue in watched:
            try:
                self._relay(queue)
            except JobsError as error:
                _log.debug("the outbox of %s waits: %s", queue, error.reason)
            except Exception:
                _log.exception("the outbox of %s could not be relayed", queue)

    def _relay(self, queue: str) -> None:
        keys = queue_keys(self._namespace, queue)
        while entries := self._runner.run(outbox.read(keys, BATCH)):
            done = [entry.entry_id for entry in entries if all(map(self._submit, entry.requests))]
            if done:
                self._runner.run(outbox.remove(keys, done))
            if len(done) < len(entries) or len(entries) < BATCH:
                return

    def _submit(self, request: JobRequest) -> bool:
        """Submit one job. False: not now; an entry that can never be taken counts as taken, and is logged."""
        try:
            if request.queue not in self._declared:
                self._runner.run(queues.declare_queue(self._namespace, request.queue))
                self._declared.add(request.queue)
            keys = queue_keys(self._namespace, request.queue)
            is_cluster = self._runner.is_cluster
            told: Submitted | FileStoreUnavailable
            if self._files is None or not is_large(request.payload):
                [told] = self._runner.run_steps(jobs.submitting(keys, [request], is_cluster=is_cluster))
            else:
                [told] = drive(submitting(keys, [request], self._files, is_cluster=is_cluster), self._runner)
        except (StoreUnavailable, StoreFull, QueueFull):
            return False
        except JobsError as error:
            _log.error(
                "what a job's end caused was refused for good: %s, actor %s", error.reason, request.actor
            )
            return True
        return not isinstance(told, Full | Draining | FileStoreUnavailable)
