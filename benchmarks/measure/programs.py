"""Starting the programs that are measured, each in a process of its own, and ending them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc

from bothsides_stack.ports import LOOPBACK, free_port

_HERE = Path(__file__).parents[1]
_START_TIMEOUT_S = 30.0


@contextmanager
def running(
    command: Sequence[str], env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program; kill it in the end. Its modules are found in benchmarks/."""
    environment = {**os.environ, "PYTHONPATH": str(_HERE), **(env or {})}
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


@contextmanager
def scheduler(url: str) -> Iterator[tuple[str, int]]:
    """Run a scheduler on the server at `url`; yields its address and its process id."""
    with serving([sys.executable, "-m", "scheduler"], {"REDIS_URL": url}) as served:
        yield served


@contextmanager
def serving(command: Sequence[str], env: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Run a gRPC server that listens where SCHEDULER_ADDR says; yields its address and its process id."""
    address = f"{LOOPBACK}:{free_port()}"
    with running(command, {"LOG_LEVEL": "WARNING", "SCHEDULER_ADDR": address, **env}) as child:
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(_START_TIMEOUT_S)
        yield address, child.pid
