"""Tells the register of workers, every few seconds, that this one is there and what it does."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from common.errors import JobsError
from common.store.workers import WorkerReport, forget_worker, report_worker

if TYPE_CHECKING:
    from common.broker.worker_side import WorkerSide

#: A third of the silence after which a worker counts as gone (s).
REPORT_EVERY_S: Final = 5.0
_DISTRIBUTION: Final = "bothsides-common"
_log = logging.getLogger(__name__)


class Reporter:
    """Owns one thread, so that no job can hold a report up.

    Args:
        queues: Returns those that are consumed.
        more: Returns what else stands in a report, by the names of WorkerReport.
    """

    def __init__(
        self,
        broker: WorkerSide,
        queues: Callable[[], Iterable[str]],
        *,
        more: Callable[[], Mapping[str, Any]] = dict,
        every_s: float = REPORT_EVERY_S,
    ) -> None:
        self._broker = broker
        self._queues = queues
        self._more = more
        self._every_s = every_s
        self._started_ms = time.time_ns() // 1_000_000
        self._started_s = time.monotonic()
        self._last_s: float | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="Reporter", daemon=True)

    def start(self) -> None:
        """Report now, and then again and again."""
        self._thread.start()

    @property
    def begun(self) -> bool:
        """It was started."""
        return self._thread.ident is not None

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def silence_ms(self) -> float:
        """How long ago the store last answered; before it ever did, since the start."""
        last_s = self._started_s if self._last_s is None else self._last_s
        return (time.monotonic() - last_s) * 1000

    @property
    def reported(self) -> bool:
        """The store has answered at least once."""
        return self._last_s is not None

    def close(self) -> None:
        """End the thread, and take this worker off the register."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self._broker.runner.run(forget_worker(self._broker.namespace, self._broker.worker_id))
        except JobsError:
            _log.warning("the store does not answer: this worker stays on the register until it is missed")

    def _run(self) -> None:
        while True:
            self._report()
            if self._closed.wait(self._every_s):
                return

    def _report(self) -> None:
        try:
            self._broker.runner.run(report_worker(self._broker.namespace, self._described()))
        except JobsError as error:
            _log.warning("this worker could not report itself: %s", error.reason)
            return
        except Exception:
            _log.exception("this worker could not report itself")
            return
        self._last_s = time.monotonic()

    def _described(self) -> WorkerReport:
        broker = self._broker
        queues = tuple(self._queues())
        running = broker.running_jobs()
        said: dict[str, Any] = {"version": version(_DISTRIBUTION), **self._more()}
        return WorkerReport(
            worker_id=broker.worker_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=queues,
            slots=broker.slots.total,
            running=len(running),
            started_ms=self._started_ms,
            limits=broker.slots.limits(queues),
            running_by_queue=dict(Counter(job.queue for job in running)),
            **said,
        )
