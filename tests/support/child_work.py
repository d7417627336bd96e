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
