"""Signals that end a command: the first is an exception, all further ones only say "hurry"."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """The command was told to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        #: What a shell reports for a program that the signal ended.
        self.exit_code = 128 + number


@contextmanager
def interrupts(hurry: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Raise Interrupted in the main thread on the first SIGINT, SIGTERM or SIGHUP; call `hurry` on others.

    Yields:
        A function after which no signal raises any more: call it where clearing up begins.
    """
    raising = True

    def shield() -> None:
        nonlocal raising
        raising = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        if raising:
            shield()
            raise Interrupted(number)
        hurry()

    # nohup asks for SIGHUP to be ignored; a shell's `&` does so with SIGINT, but there `kill -INT` is meant.
    ending = [n for n in ENDING if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in ending}
    try:
        yield shield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
