"""Notice that a process of a stack died while the main thread is busy with something else."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bothsides_stack.errors import ChildDied
from bothsides_stack.supervisor import Supervisor

#: Between two looks.
LOOK_EVERY_S: Final = 0.2


@contextmanager
def interrupt_if_one_dies(stack: Supervisor) -> Iterator[None]:
    """Interrupt the body when a process dies; the body must run in the main thread.

    Raises:
        ChildDied: In place of whatever the interrupted body raised or returned.
    """
    deaths: list[ChildDied] = []
    finished = threading.Event()

    def look() -> None:
        while not finished.wait(LOOK_EVERY_S):
            try:
                stack.check()
            except ChildDied as death:
                deaths.append(death)
                main = threading.main_thread().ident
                if main is not None and not finished.is_set():
                    signal.pthread_kill(main, signal.SIGINT)
                return

    thread = threading.Thread(target=look, name="stack-watch", daemon=True)
    thread.start()
    try:
        yield
        finished.set()
        thread.join()
    except BaseException:
        finished.set()
        if not deaths:
            raise
    if deaths:
        raise deaths[0] from None
