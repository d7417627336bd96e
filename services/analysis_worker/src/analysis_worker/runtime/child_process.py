"""One child process seen from its parent: a place that is filled again when its process ends.

It carries one task at a time, and repeats none that has begun.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final

from analysis_worker.runtime.child import Begun, Reply, Task, serve
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass

#: A fresh interpreter: this process has threads and gRPC, which do not survive a fork.
_SPAWN: Final = multiprocessing.get_context("spawn")
#: Processes are started one at a time.
_STARTING: Final = threading.Lock()
#: How long a killed process may take to be reaped (s).
_REAP_S: Final = 10.0


class PoolClosed(Exception):
    """Nothing is computed here any more: the worker stops. The work is not to blame."""


class Call:
    """A task on its way to a child."""

    def __init__(self, task: Task) -> None:
        self.task = task
        #: Nobody waits for its answer any more.
        self.abandoned = False


class ChildProcess:
    """One place, and the process that fills it. Its methods may be called from any thread.

    Args:
        memory_bytes, warm: As `child.serve` takes them.
    """

    def __init__(self, name: str, memory_bytes: int, warm: Callable[[], None] | None) -> None:
        self._name = name
        self._memory_bytes = memory_bytes
        self._warm = warm
        self._lock = threading.Lock()
        self._retired = False
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The process that fills the place now; None before the first start."""
        with self._lock:
            return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Fill the place, unless a living process does, or the place is given up."""
        with self._lock:
            if not self._retired:
                self._fill()

    def ask(self, call: Call) -> Reply:
        """Have the process run a task, and wait.

        Raises:
            PoolClosed: The place is given up.
            AttemptFailed: It ended without an answer. If it had ended before the task arrived, which shows
                only now, another process is asked instead, once.
        """
        for last_try in (False, True):
            with self._lock:
                if call.abandoned or self._retired:
                    raise PoolClosed
                process, pipe = self._fill()
            begun = False
            try:
                pipe.send(call.task)
                begun = isinstance(pipe.recv(), Begun)
                reply: Reply = pipe.recv()
            except (EOFError, OSError) as error:
                process.join(_REAP_S)
                if self._retired:
                    raise PoolClosed from None
                if begun or last_try:
                    raise _ended(process.exitcode) from error
            else:
                return reply
        raise AssertionError("the last try returns or raises")

    def abandon(self, call: Call) -> None:
        """End the process now; nobody waits for its answer."""
        with self._lock:
            call.abandoned = True
            if self._process is not None:
                self._process.kill()

    def retire(self) -> None:
        """End the process now, and fill the place no more. Whoever waits for an answer gets PoolClosed."""
        with self._lock:
            self._retired = True
            if self._process is not None:
                self._process.kill()

    def empty(self) -> None:
        """End the process, and give back what it held here. No call may be waiting."""
        with self._lock:
            self._empty()

    def _fill(self) -> tuple[BaseProcess, Connection]:
        if self._process is not None and self._pipe is not None and self._process.is_alive():
            return self._process, self._pipe
        self._empty()
        with _STARTING:
            ours, theirs = _SPAWN.Pipe()
            process = _SPAWN.Process(
                target=serve, args=(theirs, self._memory_bytes, self._warm), name=self._name, daemon=True
            )
            process.start()
            theirs.close()  # else its end would not be seen here as the end of the pipe
        self._process, self._pipe = process, ours
        return process, ours

    def _empty(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join(_REAP_S)
            self._process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


def _ended(code: int | None) -> AttemptFailed:
    how = f"by {signal.Signals(-code).name}" if code is not None and code < 0 else f"with status {code}"
    return AttemptFailed(
        ErrorClass.TRANSIENT,
        "CHILD_KILLED",
        f"the process that did the work was ended {how}",
        suggestion="look for the kernel's out-of-memory killer, and at the worker's memory limit",
    )
