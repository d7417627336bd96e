"""Run a program as a user would, in a folder of its own, and see that it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.processes import expect_none_left, processes_marked

#: For a whole stack on a loaded machine.
END_TIMEOUT_S = 90.0


class RunningProgram:
    """A program that runs or has run; all processes that it starts are marked by their TMPDIR."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, written: Path) -> None:
        self.process = process
        #: Its temporary folder.
        self.folder = folder
        self._written = written

    def output(self) -> str:
        """Return what it has written so far, standard error included."""
        return self._written.read_text()

    def press_ctrl_c(self) -> None:
        """Do what a terminal does: SIGINT to every process of the program's group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Wait for its end and return its exit code."""
        return self.process.wait(timeout=END_TIMEOUT_S)

    def process_count(self) -> int:
        """Return how many processes exist now: itself, and what it has started."""
        return len(processes_marked(self.folder))

    def leftovers(self) -> list[str]:
        """Return the processes and temporary files that are there still."""
        processes = [" ".join(process.cmdline()) for process in processes_marked(self.folder)]
        return processes + [path.name for path in self.folder.iterdir()]


@contextmanager
def running(
    command: Sequence[str | Path], folder: Path, variables: Mapping[str, str] | None = None
) -> Iterator[RunningProgram]:
    """Start a program with this process's environment and `variables`; afterwards, no process may be left."""
    marked, written = folder / "marked", folder / "output"
    marked.mkdir()
    env = {**os.environ, **(variables or {}), "TMPDIR": str(marked), "COLUMNS": "200"}
    with written.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield RunningProgram(process, marked, written)
    finally:
        process.kill()
        process.wait()
        expect_none_left(marked)
