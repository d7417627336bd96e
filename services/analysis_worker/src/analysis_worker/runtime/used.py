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
_RESET_PEAK: Final = "5"


@dataclass(frozen=True, slots=True)
class Used:
    """Of one task."""

    #: Processor time, user and system (s).
    cpu_s: float
    #: The most resident memory that its process had meanwhile, with what it holds between tasks (bytes).
    peak_bytes: int | None = None


def reset_peak() -> bool:
    """Let this process's peak of memory begin anew; False where the kernel cannot."""
    try:
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    except OSError:
        return False
    return True


def peak_bytes(pid: int | str = "self") -> int | None:
    """Return the most resident memory of a process since its peak began anew; None if it has ended."""
    return _status_bytes(pid, "VmHWM")


def held_bytes() -> int:
    """Return the size of this process's private writable memory; 0 where the kernel does not say."""
    return _status_bytes("self", "VmData") or 0


def _status_bytes(pid: int | str, name: str) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
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
