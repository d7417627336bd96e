"""The processes of a fleet: workers and schedulers, each to be killed at any time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Protocol

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bothsides_stack.ports import free_port
from support.children import PROGRAMS
from support.waiting import wait_until
from support.worker_program import worker_program


class Nursery:
    """A process that forks workers, each within milliseconds."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, threads: int = 4) -> int:
        """Start a worker; return its process id once it takes jobs."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{threads}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def nursery(
    url: str, namespace: str, lease_ms: int, sink: Path, *, clock_ahead_s: float = 0
) -> Iterator[Nursery]:
    """Run a nursery; at the end, it and its workers are killed."""
    with _process(
        [sys.executable, str(PROGRAMS / "effect_nursery.py"), url, namespace, str(lease_ms)],
        {"EFFECT_SINK": str(sink), "CLOCK_AHEAD_S": str(clock_ahead_s)},
        sink.with_name("workers.log"),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Nursery(process)


class Starts(Protocol):
    """Whatever starts workers."""

    def start(self) -> int:
        """Start a worker; return its process id once it takes jobs."""
        ...


class Services:
    """Starts workers as they are deployed: `python -m analysis_worker`, seconds each."""

    def __init__(self, url: str, lease_ms: int, sink: Path, stack: ExitStack) -> None:
        self._url = url
        self._sink = sink
        self._lease_ms = lease_ms
        self._stack = stack

    def start(self) -> int:
        """Start a worker; return its process id once it takes jobs."""
        program = worker_program(
            self._url,
            self._sink.parent,
            WORKER_ACTOR_MODULES="support.chaos.effects",
            EFFECT_SINK=str(self._sink),
            JOB_LEASE_MS=str(self._lease_ms),
        )
        return self._stack.enter_context(program).process.pid


class SchedulerProgram:
    """A running `python -m scheduler`, and a channel to it."""

    def __init__(self, url: str, folder: Path) -> None:
        self._port = free_port()
        self._variables = {"REDIS_URL": url, "SCHEDULER_ADDR": f"127.0.0.1:{self._port}"}
        self._log = folder / f"scheduler-{self._port}.log"
        self._running = None
        self._start()
        # Reconnects fast after its scheduler was killed and started again.
        options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 250)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self._port}", options=options)

    def restart(self) -> None:
        """Kill it (SIGKILL) and start another at the same address."""
        self.kill()
        self._start()

    def kill(self) -> None:
        self._end.__exit__(None, None, None)

    def wait_until_it_serves(self) -> None:
        wait_until(self._serves, timeout_s=60)

    def _start(self) -> None:
        self._end = _process([sys.executable, "-m", "scheduler"], self._variables, self._log)
        self._end.__enter__()

    def _serves(self) -> bool:
        try:
            answer = health_pb2_grpc.HealthStub(self.channel).Check(
                health_pb2.HealthCheckRequest(), timeout=1
            )
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@contextmanager
def _process(command: list[str], variables: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program in a process group of its own, and kill the group at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            env={**os.environ, **variables},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
