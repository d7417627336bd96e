"""Turns the signals that ask a process to stop into an event. What stopping means is not decided here."""

from __future__ import annotations

import os
import signal
import socket
import threading
from types import FrameType
from typing import Final

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)


def stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM or SIGINT sets; a second signal ends the process at once.

    The kernel may deliver a signal to any thread, and then a main thread that waits for a lock runs no Python
    handler; nor may a handler touch an event that the code below it waits for. So the numbers go through the
    wake-up descriptor, which is written in whichever thread it is, to a thread that does nothing else.
    """
    stop = threading.Event()
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno())
    for number in _STOPPING:
        signal.signal(number, _do_nothing)

    def listen() -> None:
        with reader, writer:
            while True:
                for number in reader.recv(16):
                    if number in _STOPPING and stop.is_set():
                        os._exit(128 + number)
                    if number in _STOPPING:
                        stop.set()

    threading.Thread(target=listen, name="signals", daemon=True).start()
    return stop


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Take the place of the default, which would end the process."""
