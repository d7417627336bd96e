"""Child processes that cannot outlive this one, each with its log in a file.

A child leads its own session, so Ctrl-C in a terminal reaches only the supervisor, which then stops things in
order; and it is started through `launch`, so it dies with its supervisor however that ends. This module knows
nothing of services or servers, restarts nothing, and never reads what a child writes except to quote its end.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

LAUNCH: Final = Path(__file__).with_name("launch.py")
#: How much of a log's end is read to quote its last lines.
LOG_TAIL_BYTES: Final = 16_384


class Spawner:
    """One thread that starts all children of this process, one after the other.

    Linux delivers a parent's death signal when the *thread* that forked ends, not the process: a child
    started from a short-lived thread would be killed early. This thread is a daemon and lives to the end.
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._owner_pid: int | None = None

    def run(self, call: Callable[[], None]) -> None:
        """Run `call` on the thread, after every call already handed in, and wait for it.

        If the waiting is interrupted, the call still runs to its end.
        """
        self._ensure_thread()
        done = threading.Event()
        failures: list[BaseException] = []

        def guarded() -> None:
            try:
                call()
            except BaseException as error:
                failures.append(error)
            finally:
                done.set()

        self._calls.put(guarded)
        done.wait()
        if failures:
            raise failures[0]

    def _ensure_thread(self) -> None:
        with self._lock:
            if self._owner_pid == os.getpid():  # a forked copy of this process has no such thread
                return
            self._calls = queue.SimpleQueue()
            threading.Thread(target=self._serve, args=(self._calls,), name="spawner", daemon=True).start()
            self._owner_pid = os.getpid()

    @staticmethod
    def _serve(calls: queue.SimpleQueue[Callable[[], None]]) -> None:
        while True:
            calls.get()()


_spawner: Final = Spawner()


class ChildProcess:
    """One program, started at most once at a time.

    Args:
        name: What messages call it, and its log's file name.
        command: Program (absolute path) and arguments.
        env: The whole environment of the child.
        log_path: Receives standard output and standard error, appended.
        stdin: Text that the child reads as its standard input; it may hold a secret.
        cwd: The child's working folder.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        log_path: Path,
        stdin: str = "",
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._command = list(command)
        self._env = dict(env)
        self._stdin = stdin
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None
        self._swept = True

    @property
    def pid(self) -> int:
        """Return the process id of the last start.

        Raises:
            RuntimeError: It was never started.
        """
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Return the exit status (negative: the signal), None while it runs or was never started."""
        return None if self._process is None else self._process.poll()

    @property
    def running(self) -> bool:
        """Say whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the program; its process may still be preparing when this returns.

        Raises:
            RuntimeError: It runs already.
            OSError: It cannot be started.
        """
        if self.running:
            raise RuntimeError(f"{self.name} runs already (pid {self.pid})")
        _spawner.run(self._spawn)

    def _spawn(self) -> None:
        command = [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), *self._command]
        with self.log_path.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
            )
        self._process = process
        self._swept = False
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(self._stdin.encode())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, unless it has ended."""
        if self._process is not None:
            self._process.send_signal(number)

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; say whether it came in time."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def terminate(self) -> None:
        """Ask it to end (SIGTERM) without waiting. A start still under way is finished first."""
        _spawner.run(lambda: self.signal(signal.SIGTERM))

    def kill(self) -> None:
        """End it and everything in its session's process group at once (SIGKILL), and wait for it."""
        _spawner.run(self._sweep)
        self.wait(timeout_s=10)

    def stop(self, timeout_s: float) -> bool:
        """Ask it to end, wait `timeout_s`, then kill what is left of it and of its group.

        Returns:
            Whether it ended in time, by itself.
        """
        self.terminate()
        in_time = self.wait(timeout_s)
        self.kill()
        return in_time

    def _sweep(self) -> None:
        """Kill the group, once for each start: later its number may belong to somebody else."""
        if self._process is not None and not self._swept:
            self._swept = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def last_lines(self, count: int = 15) -> list[str]:
        """Return the last lines of its log, fewer if it wrote fewer."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
                return log.read().decode(errors="replace").splitlines()[-count:]
        except FileNotFoundError:
            return []
