"""The systems that are measured in turn: how each is filled, counted and worked on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

from common.broker import JobBroker
from common.job.ids import new_job_id
from common.job.model import JobRequest
from common.store import jobs, stats
from common.store.keys import QueueKeys
from common.store.operation import SyncRunner
from measure.programs import running
from measure.workers import QUEUE, actors_on, broker_of

#: Jobs in one submit of ours.
CHUNK = 50
PEERS = Path(__file__).parents[1] / "peers"
NODE = shutil.which("node") or ""


class System(ABC):
    """One way to run jobs, on the server at `url`."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self.client: Any = redis.Redis.from_url(url, protocol=2)

    @abstractmethod
    def fill(self, count: int, work: str = "nothing") -> None:
        """Queue jobs. This is not what is measured."""

    @abstractmethod
    def left(self) -> int:
        """Return how many jobs wait or run."""

    @abstractmethod
    def commands(self, work: str) -> Sequence[tuple[Sequence[str], dict[str, str]]]:
        """Return the command and the environment of each worker process."""

    @contextmanager
    def workers(self, work: str = "nothing") -> Iterator[list[int]]:
        """Run the worker processes; yields their ids once they are ready."""
        with ExitStack() as stack:
            children = [stack.enter_context(running(*command)) for command in self.commands(work)]
            for child in children:
                assert child.stdout is not None
                child.stdout.readline()
            yield [child.pid for child in children]


class Dramatiq(System):
    """Two processes of Dramatiq's own Worker."""

    kind = "stock"

    def __init__(
        self, name: str, url: str, threads: int, *, processes: int = 2, prefetch: int | None = None
    ) -> None:
        super().__init__(name, url)
        self.threads = threads
        self.processes = processes
        self.prefetch = prefetch
        self.actors = actors_on(broker_of(self.kind, self.client), self.client)

    def commands(self, work: str) -> Sequence[tuple[Sequence[str], dict[str, str]]]:
        command = [
            sys.executable,
            "-m",
            "measure.workers",
            self.kind,
            self.url,
            "--threads",
            str(self.threads),
        ]
        env = {} if self.prefetch is None else {"dramatiq_queue_prefetch": str(self.prefetch)}
        return [(command, env)] * self.processes

    def fill(self, count: int, work: str = "nothing") -> None:
        for number in range(count):
            self.actors[work].send(number)

    def left(self) -> int:
        return int(self.client.hlen(f"stock:{QUEUE}.msgs"))


class Ours(Dramatiq):
    """The same worker on JobBroker."""

    kind = "ours"

    def fill(self, count: int, work: str = "nothing", tenant: str = "default") -> None:
        runner, actor = SyncRunner(self.client), self.actors[work]
        for start in range(0, count, CHUNK):
            payloads = [actor.message(number).encode() for number in range(start, min(start + CHUNK, count))]
            requests = [
                JobRequest(new_job_id(QUEUE), QUEUE, work, payload, tenant=tenant) for payload in payloads
            ]
            runner.run(jobs.submit(self.keys, requests))

    @property
    def keys(self) -> QueueKeys:
        broker = self.actors["nothing"].broker
        assert isinstance(broker, JobBroker)
        return broker.queues[QUEUE]

    def left(self) -> int:
        now = SyncRunner(self.client).run(stats.read_stats(self.keys, totals=False))
        return now.ready + now.leased


class BullMQ(System):
    """One Node process with 50 jobs at once: on two cores two processes were no faster."""

    def commands(self, work: str) -> Sequence[tuple[Sequence[str], dict[str, str]]]:
        return [([NODE, str(PEERS / "worker.mjs"), self.url, work], {})]

    def fill(self, count: int, work: str = "nothing") -> None:
        subprocess.run([NODE, str(PEERS / "fill.mjs"), self.url, str(count)], check=True)

    def left(self) -> int:
        return int(self.client.llen(f"bull:{QUEUE}:wait")) + int(self.client.llen(f"bull:{QUEUE}:active"))


def peers_installed() -> bool:
    """Say whether `make bench-peers` was run."""
    return bool(NODE) and (PEERS / "node_modules" / "bullmq").is_dir()
