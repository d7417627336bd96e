"""What a child process has used for one task: measured by itself, or by its parent once it has ended.

The kernel keeps both numbers; where it does not tell them, they are None and not guessed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
#: Written to /proc/self/clear_refs, it makes the peak of resident memory begin anew (proc(5), Linux 4.0).
_RESET_PEAK: Final = b"5"
#: More than the kernel tells of a process (bytes).
_STATUS_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True)
class Used:
    """Of one task."""

    #: Processor time, user and system (s).
    cpu_s: float
    #: The most resident memory that its process had meanwhile, with what it holds between tasks (bytes).
    peak_bytes: int | None = None


class OwnMemory:
    """That of the process in which it is made. The kernel's files stay open, as each task looks twice."""

    def __init__(self) -> None:
        self._status = _opened("/proc/self/status", os.O_RDONLY)
        self._clear = _opened("/proc/self/clear_refs", os.O_WRONLY)

    def reset_peak(self) -> bool:
        """Let the peak begin anew; False where the kernel cannot."""
        if self._clear is None:
            return False
        try:
            os.pwrite(self._clear, _RESET_PEAK, 0)
        except OSError:
            return False
        return True

    def look(self) -> tuple[int, int | None]:
        """Return the size of private writable memory (bytes), 0 where it is not known, and the peak."""
        if self._status is None:
            return 0, None
        status = os.pread(self._status, _STATUS_BYTES, 0)
        return _bytes_of(b"VmData", status) or 0, _bytes_of(b"VmHWM", status)


def peak_bytes(pid: int) -> int | None:
    """Return the most resident memory of a process since its peak began anew; None if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return None
    return _bytes_of(b"VmHWM", status)


def _bytes_of(name: bytes, status: bytes) -> int | None:
    """Return a size of a process, which its status tells in KiB; None if it does not."""
    found = status.find(b"\n" + name + b":")
    return None if found < 0 else int(status[found + len(name) + 2 :].split(None, 1)[0]) * 1024


def _opened(path: str, how: int) -> int | None:
    try:
        return os.open(path, how)
    except OSError:
        return None


def cpu_s(pid: int) -> float | None:
    """Return the processor time of a process since its start, also of one that has ended unreaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name, in parentheses, may hold anything; user and system time are the 14th and 15th field.
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
