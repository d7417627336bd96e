"""The whole platform as child processes of this one: server, scheduler, monitor, workers.

Starts them, waits until each says it serves, notices one that ends unasked, and stops them in reverse order.
It restarts nothing by itself and takes no part in what the services do.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bothsides_stack.children import ChildProcess
from bothsides_stack.embedded import EmbeddedServer
from bothsides_stack.environment import (
    STORE_FILE,
    agree_on_stopping,
    named_store,
    names_store,
    reachable,
    split_address,
    without_settings,
    write_store_file,
)
from bothsides_stack.errors import AddressInUse, ChildDied, DidNotStart, StackError
from bothsides_stack.health import is_serving
from bothsides_stack.ports import LOOPBACK, free_port, is_free

#: A service imports for seconds where the disk is cold and the processors are few.
START_TIMEOUT_S: Final = 60.0
#: How long services may finish what they do; then they are killed.
STOP_TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Service:
    """A program of the platform: the module to run, and the variable that says where it listens."""

    module: str
    address_variable: str


SCHEDULER: Final = Service("scheduler", "SCHEDULER_ADDR")
MONITOR: Final = Service("monitor", "MONITOR_ADDR")
WORKER: Final = Service("analysis_worker", "WORKER_HEALTH_ADDR")


class Supervisor:
    """The running stack; a context manager that starts and stops it, once.

    Args:
        workers: How many workers to start with.
        env: Variables of the services. SCHEDULER_ADDR, MONITOR_ADDR and, for the first worker,
            WORKER_HEALTH_ADDR in it are used, else free ports;
            REDIS_URL or REDIS_HOST, in it or inherited, names the server to use, else one is embedded.
        inherit: Whether the services also see this process's settings of the platform.
        run_dir: Where logs and the embedded server's data go, kept afterwards. None: a temporary folder,
            removed unless a StackError told of it.
        stop_timeout_s: How long services may take to end; longer if WORKER_SHUTDOWN_MS gives workers longer.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        env: Mapping[str, str] | None = None,
        inherit: bool = True,
        run_dir: Path | None = None,
        stop_timeout_s: float = STOP_TIMEOUT_S,
    ) -> None:
        base = dict(os.environ) if inherit else without_settings(os.environ)
        chosen = dict(env or {})
        self._env = {**base, **chosen, "PYTHONUNBUFFERED": "1"}
        self._stop_timeout_s = agree_on_stopping(self._env, stop_timeout_s)
        self._addresses = {
            service: chosen.get(service.address_variable) or f"{LOOPBACK}:{free_port()}"
            for service in (SCHEDULER, MONITOR)
        }
        self._first_worker_addr = chosen.get(WORKER.address_variable)
        self._wanted_workers = workers
        self._workers_started = 0
        self._kept_run_dir = run_dir
        self._run_dir: Path | None = None
        self._server: EmbeddedServer | None = None
        self._services: dict[str, tuple[ChildProcess, str]] = {}
        self._stopping = False
        self._failed = False
        self._hurry = threading.Event()

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
    def scheduler_addr(self) -> str:
        """Return host:port of the scheduler, as a client on this machine reaches it."""
        return reachable(self._addresses[SCHEDULER])

    @property
    def monitor_addr(self) -> str:
        """Return host:port of the monitor, as a client on this machine reaches it."""
        return reachable(self._addresses[MONITOR])

    @property
    def redis_url(self) -> str:
        """Return the URL of the server that the services use; it may hold a password.

        Raises:
            RuntimeError: The stack was not started, or runs on sentinels' or a cluster's servers.
        """
        url = named_store(self._env)
        if url is None:
            raise RuntimeError("the stack has no server of its own, or not before it is started")
        return url

    @property
    def server(self) -> EmbeddedServer | None:
        """Return the embedded server, None where the environment names another."""
        return self._server

    @property
    def processes(self) -> dict[str, ChildProcess]:
        """Return all child processes by name: `valkey`, `scheduler`, `monitor`, `worker-1`, ..."""
        embedded = {"valkey": self._server.child} if self._server is not None else {}
        return embedded | {name: child for name, (child, _) in self._services.items()}

    @property
    def run_dir(self) -> Path:
        """Return the folder of the logs, created when first asked for."""
        if self._run_dir is None:
            if self._kept_run_dir is None:
                self._run_dir = Path(tempfile.mkdtemp(prefix="bothsides-stack-"))
            else:
                self._kept_run_dir.mkdir(parents=True, exist_ok=True)
                self._run_dir = self._kept_run_dir.resolve()
        return self._run_dir

    def start(self) -> None:
        """Start everything and wait until it serves. After a failure, `stop` clears up what had started.

        Raises:
            AddressInUse: Something listens where a service should.
            ChildDied: A service ended while it was starting.
            DidNotStart: The embedded server did not answer, or a service did not serve within 60 s.
        """
        atexit.register(self.stop)  # an interrupt in the middle of `stop` must not end it
        try:
            self._start_all()
        except StackError:
            self._failed = True
            raise

    def add_worker(self) -> str:
        """Start one more worker, wait until it serves, and return its name.

        Raises:
            StackError: It ended, or did not serve within 60 s.
        """
        name = self._launch_worker()
        self._wait_until_serving(name)
        return name

    def restart(self, name: str) -> None:
        """Start a service again under its name and address, stopping it first if it still runs.

        Raises:
            KeyError: There is no service of that name.
            StackError: It ended, or did not serve within 60 s.
        """
        child, _ = self._services[name]
        child.stop(self._stop_timeout_s)
        child.start()
        self._wait_until_serving(name)

    def check(self) -> None:
        """Look whether all processes run.

        Raises:
            ChildDied: One has ended without being asked to.
        """
        for child in self.processes.values():
            self._check(child)

    def hurry(self) -> None:
        """Make `stop`, now or later, kill at once what it would wait for. Safe in a signal handler."""
        self._hurry.set()

    def stop(self) -> tuple[str, ...]:
        """Stop workers, then monitor and scheduler, then the server; repeatable, and bounded in time.

        Returns:
            The names of those that had to be killed.
        """
        self._stopping = True
        front = {service.module for service in self._addresses}
        groups = (
            [child for name, (child, _) in self._services.items() if name not in front],
            [child for name, (child, _) in self._services.items() if name in front],
        )
        killed = [name for group in groups for name in self._stop_together(group)]
        if self._server is not None:
            self._server.stop()
        if self._kept_run_dir is None and self._run_dir is not None and not self._failed:
            shutil.rmtree(self._run_dir, ignore_errors=True)
            self._run_dir = None
        atexit.unregister(self.stop)
        return tuple(killed)

    def _start_all(self) -> None:
        for service, address in self._addresses.items():
            if not is_free(*split_address(address)):
                raise AddressInUse(address, service.address_variable)
        if not names_store(self._env):
            self._server = EmbeddedServer(data_dir=self.run_dir / "valkey")
            self._server.start()
            self._env["REDIS_URL"] = self._server.url
            write_store_file(self.run_dir / STORE_FILE, self._server.url)
        names = [self._launch(service.module, service, addr) for service, addr in self._addresses.items()]
        names += [self._launch_worker() for _ in range(self._wanted_workers)]
        for name in names:
            self._wait_until_serving(name)

    def _stop_together(self, children: Sequence[ChildProcess]) -> list[str]:
        """Stop all within one deadline; return the names of those that did not make it."""
        for child in children:
            child.terminate()
        deadline = time.monotonic() + self._stop_timeout_s
        while any(child.running for child in children):
            if self._hurry.is_set() or time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        late = [child.name for child in children if child.running]
        for child in children:
            child.kill()  # also what it has left behind in its group
        return late

    def _check(self, child: ChildProcess) -> None:
        if child.returncode is not None and not self._stopping:
            self._failed = True
            raise ChildDied(child)

    def _launch_worker(self) -> str:
        self._workers_started += 1
        first = self._workers_started == 1
        address = (first and self._first_worker_addr) or f"{LOOPBACK}:{free_port()}"
        return self._launch(f"worker-{self._workers_started}", WORKER, address)

    def _launch(self, name: str, service: Service, address: str) -> str:
        child = ChildProcess(
            name,
            # -P: a folder that is named like a service, where this was called, is not the service.
            [sys.executable, "-P", "-m", service.module],
            env={**self._env, service.address_variable: address},
            log_path=self.run_dir / f"{name}.log",
        )
        self._services[name] = (child, reachable(address))  # before it starts: `stop` must know of it
        child.start()
        return name

    def _wait_until_serving(self, name: str) -> None:
        child, address = self._services[name]
        deadline = time.monotonic() + START_TIMEOUT_S
        while not is_serving(address):
            self._check(child)
            if self._server is not None:
                self._check(self._server.child)
            if time.monotonic() > deadline:
                self._failed = True
                raise DidNotStart(child, f"does not serve at {address} after {START_TIMEOUT_S:.0f} s")
            time.sleep(POLL_S)
