"""The program of one child process: take a function and its arguments, answer, repeat.

It starts nothing, keeps no state of its own, and ends with its parent. What a function raises leaves as the
exception's type and its place in the code, never as its message, which may quote a transcript.
"""

from __future__ import annotations

import gc
import os
import pickle
import resource
import signal
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import connection, parent_process
from typing import Any, Final, Self

from analysis_worker.runtime.failures import frames_of
from analysis_worker.runtime.used import OwnMemory, Used
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass

#: Each child is one core's work; numerical libraries would start a thread per core in every child.
_SINGLE_THREADED: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
#: How Begun goes over the pipe.
_BEGUN: Final = struct.Struct("=d?")


def pickled_for_pipe(value: Any) -> bytes:
    """Pickle a value. Nothing here needs what multiprocessing's own pickler, which is slower, can do."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


@dataclass(frozen=True, slots=True)
class Task:
    """A call to make. The function is sent by name, so it must stand at the top of a module."""

    function: Callable[..., Any]
    args: tuple[Any, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Begun:
    """The task has arrived. A child that ends before it says so has done nothing."""

    #: Processor time that the child has used so far (s).
    cpu_s: float
    #: Its peak of memory is this task's own.
    measures_peak: bool

    def packed(self) -> bytes:
        """Return it as it goes over the pipe: small, as every task sends one."""
        return _BEGUN.pack(self.cpu_s, self.measures_peak)

    @classmethod
    def unpacked(cls, body: bytes) -> Self:
        """Return it from its packed form."""
        return cls(*_BEGUN.unpack(body))


@dataclass(frozen=True, slots=True)
class Returned:
    """The function's value."""

    value: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """The function raised AttemptFailed, with these fields (exceptions do not pickle faithfully)."""

    error_class: ErrorClass
    reason: str
    message: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Raised:
    """The function raised anything else."""

    type_name: str
    #: "module.py:line function", outermost first.
    frames: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The function asked for more memory than the child may have. The child ends after saying so."""


Reply = Returned | Failed | Raised | OutOfMemory


@dataclass(frozen=True, slots=True)
class Answer:
    """How a task ended, and what it used."""

    reply: Reply
    used: Used
    #: What the child holds now, beyond what it held before its first task (bytes); 0 where that is not known.
    kept_bytes: int


def serve(tasks: connection.Connection, memory_bytes: int, warm: Callable[[], None] | None) -> None:
    """Answer tasks until the other end closes.

    Args:
        memory_bytes: How much one task may allocate; 0 for no limit.
        warm: Called first, to import what every task needs.
    """
    # The parent alone decides when a child ends, also when a terminal interrupts the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end_with_parent()
    for variable in _SINGLE_THREADED:
        os.environ.setdefault(variable, "1")
    if warm is not None:
        warm()
    # What is loaded now stays: looking through it for garbage would take a tenth of a second, now and then.
    gc.collect()
    gc.freeze()
    memory = OwnMemory()
    held_when_warm, _ = memory.look()
    while True:
        try:
            pickled = tasks.recv_bytes()
        except EOFError:
            return
        _limit_memory(memory_bytes, memory)
        begun = Begun(time.process_time(), memory.reset_peak())

        def answer(reply: Reply, begun: Begun = begun) -> Answer:
            spent_s = time.process_time() - begun.cpu_s
            held, peak = memory.look()
            used = Used(spent_s, peak if begun.measures_peak else None)
            return Answer(reply, used, max(0, held - held_when_warm))

        try:
            tasks.send_bytes(begun.packed())
            reply = _answer(pickled)
            tasks.send_bytes(pickled_for_pipe(answer(reply)))
        except BrokenPipeError:
            return
        except Exception as error:  # a value that does not pickle
            reply = _raised(error)
            tasks.send_bytes(pickled_for_pipe(answer(reply)))
        if isinstance(reply, OutOfMemory):
            return


def _answer(pickled: bytes) -> Reply:
    try:
        task: Task = pickle.loads(pickled)  # noqa: S301 - it comes from the parent, by a private pipe
        return Returned(task.function(*task.args))
    except AttemptFailed as failure:
        return Failed(failure.error_class, failure.reason, failure.message, failure.suggestion)
    except MemoryError:
        return OutOfMemory()
    except Exception as error:
        return _raised(error)


def _raised(error: Exception) -> Raised:
    return Raised(type(error).__name__, frames_of(error))


def _end_with_parent() -> None:
    """End at once, even in the middle of a task, when the parent has gone."""
    parent = parent_process()
    if parent is None:
        raise RuntimeError("serve runs in a child process only")

    def watch(sentinel: int) -> None:
        connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), name="parent-watch", daemon=True).start()


def _limit_memory(memory_bytes: int, memory: OwnMemory) -> None:
    """Let the data segment grow by so much from now on, so that who fails for want of memory wanted too much.

    Linux counts anonymous mappings in RLIMIT_DATA since 4.7; elsewhere the limit would miss most
    allocations, and is not set.
    """
    if memory_bytes == 0:
        return
    held, _ = memory.look()
    if held == 0:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = held + memory_bytes
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
