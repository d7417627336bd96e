"""Programs that tests start, and that are gone when the test ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PROGRAMS: Final = Path(__file__).parent / "programs"


class Program:
    """A running child in a process group of its own."""

    def __init__(self, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        # A file, not a pipe: a pipe that nobody reads stops a program that logs much.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed by kill()
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_for_line(self, expected: str) -> None:
        """Read standard output up to a line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.decode().strip() == expected:
                return
        self._errors.seek(0)
        raise AssertionError(f"ended before it said {expected!r}:\n{self._errors.read().decode()}")

    def kill(self) -> None:
        """SIGKILL the whole group, and wait until it is gone."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._errors.close()

    def terminate(self, timeout_s: float = 20) -> int:
        """SIGTERM it, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)


@contextmanager
def running(*command: str, environment: Mapping[str, str] | None = None) -> Iterator[Program]:
    """Run a command until the block ends."""
    program = Program(list(command), environment)
    try:
        yield program
    finally:
        program.kill()


def python(name: str, *arguments: str) -> list[str]:
    """Return the command that runs one of `support/programs`."""
    return [sys.executable, str(PROGRAMS / f"{name}.py"), *arguments]
