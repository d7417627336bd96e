"""Plain actors that never look, each in a process that can be killed, for workers that tests start."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import dramatiq

from common.job.failure import AttemptFailed
from common.job.model import ErrorClass

QUEUE = "data_processing"


@dramatiq.actor(queue_name=QUEUE, isolated=True)
def add_apart(left: int, right: int) -> list[int]:
    """Return the sum, and the process that made it."""
    return [left + right, os.getpid()]


@dramatiq.actor(queue_name=QUEUE, isolated=True)
def never_end(begun: str) -> None:
    """Say by a file that it runs, and in which process; look at nothing from then on."""
    scratch = Path(begun).with_suffix(".part")
    scratch.write_text(str(os.getpid()))
    scratch.replace(begun)
    while True:
        time.sleep(0.01)


@dramatiq.actor(queue_name=QUEUE, isolated=True)
def hoard(size_bytes: int) -> int:
    return len(bytearray(size_bytes))


@dramatiq.actor(queue_name=QUEUE, isolated=True)
def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


@dramatiq.actor(queue_name=QUEUE, isolated=True)
def refuse() -> None:
    raise AttemptFailed(ErrorClass.INVALID_INPUT, "TOO_SHORT", "two words are too few")


@dramatiq.actor(queue_name=QUEUE, isolated=True)
def send_on() -> None:
    """Send a message, which would be lost: this process has no store."""
    plain.send()


@dramatiq.actor(queue_name=QUEUE)
def plain() -> int:
    """Stand in the same module, and run in the worker itself."""
    return os.getpid()
