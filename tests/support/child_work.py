"""Functions for child processes to run: found by name there, so they stand in a module and not in a test."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path

from analysis_worker.runtime.children import ChildPool
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass


class TellsSecrets(Exception):
    """An exception whose text quotes what it was given."""


def add(left: int, right: int) -> int:
    return left + right


def own_pid() -> int:
    return os.getpid()


def compute_for_ever(started: str) -> None:
    """Write the process id to a file, and never return."""
    path = Path(started)
    scratch = path.with_suffix(".part")
    scratch.write_text(str(os.getpid()))
    scratch.replace(path)
    while True:
        time.sleep(0.01)


def wait_for(gate: str) -> int:
    """Return the process id once a file is there."""
    while not Path(gate).exists():
        time.sleep(0.005)
    return os.getpid()


def die(number: int) -> None:
    os.kill(os.getpid(), number)
    signal.pause()


def refuse() -> None:
    raise AttemptFailed(
        ErrorClass.INVALID_INPUT, "TOO_SHORT", "two words are too few", suggestion="write more"
    )


def leak(secret: str) -> None:
    raise TellsSecrets(f"cannot read {secret}")


def hold(megabytes: int) -> int:
    """Allocate and touch memory."""
    block = bytearray(megabytes * 1024 * 1024)
    return len(block)


def locked() -> object:
    """Return something that cannot leave its process."""
    return threading.Lock()


def run_busy_child(started: str) -> None:
    """Have one child compute for ever."""

    async def run() -> None:
        async with ChildPool(1).hold() as lanes:
            await lanes[0].run(compute_for_ever, started)

    asyncio.run(run())


def program_with_busy_child(started: Path) -> list[str]:
    """Return a command that runs `run_busy_child`."""
    tests = Path(__file__).parent.parent
    code = (
        f"import sys; sys.path.insert(0, {str(tests)!r});"
        f"from support.child_work import run_busy_child; run_busy_child({str(started)!r})"
    )
    return [sys.executable, "-c", code]


def burn(seconds: float) -> float:
    """Keep a processor busy for so long; return what that took of its time."""
    began_s = time.process_time()
    while (spent_s := time.process_time() - began_s) < seconds:
        sum(range(1_000))
    return spent_s


def burn_for_ever(started: str) -> None:
    Path(started).write_text(str(os.getpid()))
    burn(float("inf"))


def overflow_the_stack() -> None:
    """Crash as native code does: by a signal that Python knows nothing of."""
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)
    signal.pause()


def leave_by(status: int) -> None:
    os._exit(status)


def leave_politely() -> None:
    sys.exit(3)


_kept: list[bytearray] = []


def keep(megabytes: int) -> int:
    """Hold on to memory after the call."""
    _kept.append(bytearray(megabytes * 1024 * 1024))
    return os.getpid()


def burn_and_fail(seconds: float) -> None:
    burn(seconds)
    refuse()


def burn_and_die(seconds: float, number: int) -> None:
    burn(seconds)
    die(number)


def never() -> None:
    """Do not return: a child that begins with this answers nothing."""
    threading.Event().wait()
