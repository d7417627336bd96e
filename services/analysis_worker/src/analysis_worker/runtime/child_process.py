"""One child process seen from its parent: a place that is filled again when its process ends.

It carries one task at a time, and repeats none that has begun.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final

from analysis_worker.runtime.child import Answer, Begun, Reply, Task, pickled_for_pipe, serve
from analysis_worker.runtime.used import Used, cpu_s, peak_bytes
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass

#: A fresh interpreter: this process has threads and gRPC, which do not survive a fork.
_SPAWN: Final = multiprocessing.get_context("spawn")
#: Processes are started one at a time.
_STARTING: Final = threading.Lock()
#: A process that keeps more than this share of what one task may take is replaced before the next one.
KEPT_MAX: Final = 0.25
#: How long a killed process may take to be reaped (s).
_REAP_S: Final = 10.0
#: How long another thread may take to note that end when it has heard of it first (s), and how often to look.
_NOTED_S: Final = 0.2
_NOTED_LOOKS: Final = 40


class PoolClosed(Exception):
    """Nothing is computed here any more: the worker stops. The work is not to blame."""


class Call:
    """A task on its way to a child."""

    def __init__(self, task: Task) -> None:
        self.task = task
        #: What the child said when the task arrived.
        self.begun: Begun | None = None
        #: What it has used, once it has ended; None where that is not known.
        self.used: Used | None = None
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
        self._kept_bytes = 0
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The process that fills the place now; None before the first start."""
        with self._lock:
            return self._process.pid if self._process is not None else None

    @property
    def is_alive(self) -> bool:
        """A process fills the place."""
        with self._lock:
            return self._process is not None and self._process.is_alive()

    @property
    def is_heavy(self) -> bool:
        """The process holds on to so much after its tasks that it had better be replaced."""
        return self._memory_bytes > 0 and self._kept_bytes > self._memory_bytes * KEPT_MAX

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
            try:
                pipe.send_bytes(pickled_for_pipe(call.task))
                call.begun = Begun.unpacked(pipe.recv_bytes())
                answer: Answer = pipe.recv()
            except (EOFError, OSError) as error:
                _measure(call, process)
                code = _exit_code(process)
                if self._retired:
                    raise PoolClosed from None
                if call.begun is not None or last_try:
                    raise _ended(code) from error
            else:
                call.used = answer.used
                self._kept_bytes = answer.kept_bytes
                return answer.reply
        raise AssertionError("the last try returns or raises")

    def abandon(self, call: Call) -> None:
        """End the process now; nobody waits for its answer."""
        with self._lock:
            call.abandoned = True
            if self._process is not None:
                _measure(call, self._process)
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
        self._kept_bytes = 0
        return process, ours

    def _empty(self) -> None:
        if self._process is not None:
            self._process.kill()
            _exit_code(self._process)
            # One that seems to run still is given back once multiprocessing has noted its end.
            with suppress(ValueError):
                self._process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


def _measure(call: Call, process: BaseProcess) -> None:
    """Note what a task has used whose child has ended or is about to, and will not say it by itself."""
    if call.used is not None or call.begun is None or process.pid is None:
        return
    spent_s = cpu_s(process.pid)
    if spent_s is not None:
        peak = peak_bytes(process.pid) if call.begun.measures_peak else None
        call.used = Used(max(0.0, spent_s - call.begun.cpu_s), peak)


def _exit_code(process: BaseProcess) -> int | None:
    """Wait for the end of a process that ends; return its exit code, None if that stays unknown.

    multiprocessing looks at all its children whenever one is started. Between another thread's hearing of the
    end and its noting it, the process has ended, cannot be waited for, and passes for one that runs.
    """
    process.join(_REAP_S)
    for _ in range(_NOTED_LOOKS):
        if process.exitcode is not None:
            break
        time.sleep(_NOTED_S / _NOTED_LOOKS)
    return process.exitcode


def _ended(code: int | None) -> AttemptFailed:
    """Return the failure of the task whose child ended before it answered; nobody else's is touched by it."""
    if code is not None and code == -signal.SIGKILL:
        return AttemptFailed(
            ErrorClass.TRANSIENT,
            "CHILD_KILLED",
            "the process that did the work was ended from outside by SIGKILL",
            suggestion="look for the kernel's out-of-memory killer, and at the worker's memory limit",
        )
    if code is not None and code < 0:
        return AttemptFailed(
            ErrorClass.BUG,
            "CHILD_CRASHED",
            f"the process that did the work crashed by {signal.Signals(-code).name}",
            suggestion="native code failed on this input, or found no memory: see WORKER_CHILD_MEMORY_BYTES",
        )
    return AttemptFailed(
        ErrorClass.BUG,
        "CHILD_EXITED",
        f"the work ended its process with status {code}",
        suggestion="look for what calls exit: work must return or raise",
    )
