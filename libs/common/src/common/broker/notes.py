"""What a running job has noted and is not written yet: its newest log lines, and its last checkpoint."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

from common.job.log import LINES_KEPT, LogLine


class PendingLines:
    """Log lines of one attempt, numbered from 1. Of more than the log keeps, the oldest are dropped here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: deque[tuple[int, LogLine]] = deque(maxlen=LINES_KEPT)
        self._count = 0

    def add(self, line: LogLine) -> bool:
        """Add a line; say whether it is the first that waits."""
        with self._lock:
            self._count += 1
            self._lines.append((self._count, line))
            return len(self._lines) == 1

    def take(self) -> list[tuple[int, LogLine]]:
        """Take all lines that wait."""
        with self._lock:
            lines = list(self._lines)
            self._lines.clear()
            return lines


class PendingCheckpoint:
    """The last checkpoint of one attempt. One that another follows before it is written never is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: tuple[bytes, Future[bool]] | None = None
        #: The last one that was put; None before the first.
        self.latest: bytes | None = None

    def put(self, data: bytes) -> tuple[Future[bool], bool]:
        """Put one. Returns what tells whether it, or a later one, is kept; and whether none waited."""
        with self._lock:
            self.latest = data
            first = self._waiting is None
            if self._waiting is None:
                told: Future[bool] = Future()
                # Nobody who stops waiting may cancel it for others.
                told.set_running_or_notify_cancel()
            else:
                told = self._waiting[1]
            self._waiting = (data, told)
            return told, first

    def take(self) -> tuple[bytes, Future[bool]] | None:
        """Take the checkpoint that waits."""
        with self._lock:
            waiting, self._waiting = self._waiting, None
            return waiting


@dataclass(frozen=True, slots=True)
class Notes:
    """Both, of one attempt."""

    lines: PendingLines = field(default_factory=PendingLines)
    checkpoint: PendingCheckpoint = field(default_factory=PendingCheckpoint)
