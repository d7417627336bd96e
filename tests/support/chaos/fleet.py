"""A server, two schedulers and two workers; what can happen to them; and the count at the end."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from bothsides_stack.embedded import EmbeddedServer
from common.broker import JobBroker
from common.job.states import JobState
from common.store import stats
from support.broker_jobs import all_jobs
from support.chaos.intake import Intake
from support.chaos.processes import SchedulerProgram, Services, Starts, nursery
from support.chaos.sink import FencedSink, Written
from support.waiting import wait_until

NAMESPACE = "bothsides"
QUEUE = "data_processing"
WORKERS = SCHEDULERS = 2
#: For a loaded machine; nothing waits this long unless something is wrong.
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What was seen since the last check, for people to read."""

    jobs: int = 0
    #: Requests that were sent again.
    repeats: int = 0
    #: Leases that ran out.
    lost: int = 0
    #: Writes that the sink refused: of a worker that had lost its job, and of a job that had its effect.
    stale: int = 0
    seen: int = 0
    #: From a kill to the next attempt of what the killed worker ran, the longest (ms); None: nothing. A job
    #: that was lost before is suspect, and waits a second more on purpose.
    recovery_ms: int | None = None
    suspects_ms: int | None = None

    def since(self, before: Figures) -> Figures:
        """Return what has come since; the recoveries are those of the later figures."""
        return Figures(
            self.jobs - before.jobs,
            self.repeats - before.repeats,
            self.lost - before.lost,
            self.stale - before.stale,
            self.seen - before.seen,
            self.recovery_ms,
            self.suspects_ms,
        )

    def __str__(self) -> str:
        recovery = ", ".join("-" if ms is None else f"{ms} ms" for ms in (self.recovery_ms, self.suspects_ms))
        return (
            f"{self.jobs} jobs, {self.repeats} requests repeated, {self.lost} leases lost, sink refused "
            f"{self.stale} stale and {self.seen} seen, slowest recovery, and of suspects, {recovery}"
        )


class Fleet:
    """Everything of it is a process of its own but for the intake."""

    def __init__(
        self, server: EmbeddedServer, forks: Starts, schedulers: list[SchedulerProgram], sink: FencedSink
    ) -> None:
        self.server = server
        self.sink = sink
        self.schedulers = schedulers
        self._forks = forks
        self.workers = [forks.start() for _ in range(WORKERS)]
        #: Killed workers, and when (Unix ms).
        self._killed: dict[int, int] = {}
        self._accepted: list[str] = []
        self._repeats = 0
        self._figures = Figures()
        # Not the workers' client: it must not be confused by what happens to the server between two tests.
        self._client = redis.Redis.from_url(server.url, protocol=2)
        self.broker = JobBroker(self._client, namespace=NAMESPACE)
        self.broker.declare_queue(QUEUE)
        for scheduler in schedulers:
            scheduler.wait_until_it_serves()

    @contextmanager
    def ordering(self, duration_ms: int, *, ahead: int = 200, most: int | None = None) -> Iterator[Intake]:
        """Order jobs all the while, each of which takes `duration_ms`."""
        intake = Intake(self.schedulers, duration_ms, self._effects_here, ahead=ahead, most=most)
        self._before = self.sink.count()
        intake.start()
        try:
            yield intake
        finally:
            self._accepted += intake.stop()
            self._repeats += intake.repeats

    def _effects_here(self) -> int:
        return self.sink.count() - self._before

    # -- what happens ----------------------------------------------------------------------------

    def kill_worker(self, chance: random.Random) -> None:
        """Kill a worker (SIGKILL) and start another in its place."""
        place = chance.randrange(len(self.workers))
        self._killed[self.workers[place]] = _now_ms()
        os.kill(self.workers[place], signal.SIGKILL)
        self.workers[place] = self._forks.start()

    def kill_scheduler(self, chance: random.Random) -> None:
        """Kill a scheduler (SIGKILL) and start another at its address."""
        chance.choice(self.schedulers).restart()

    def freeze_server(self, for_s: float) -> None:
        """Let the server stand still (SIGSTOP), its connections open, and go on."""
        os.kill(self.server.pid, signal.SIGSTOP)
        try:
            pause(for_s)
        finally:
            os.kill(self.server.pid, signal.SIGCONT)

    def crash_server(self, for_s: float) -> None:
        """Kill the server (SIGKILL), and start it again on its data after a while."""
        self.server.kill()
        pause(for_s)
        self.server.restart()

    def freeze_worker(self, chance: random.Random, for_s: float) -> None:
        """Let a worker stand still (SIGSTOP) and go on; after a lease, its jobs are others'."""
        pid = chance.choice(self.workers)
        os.kill(pid, signal.SIGSTOP)
        try:
            pause(for_s)
        finally:
            os.kill(pid, signal.SIGCONT)

    def cut_connections(self) -> None:
        """Cut every connection of the server."""
        self._client.client_kill_filter(_type="normal", skipme=True)

    # -- counting --------------------------------------------------------------------------------

    def wait_for_effects(self, more: int) -> None:
        """Wait until that many more jobs have had their effect."""
        wanted = self.sink.count() + more
        wait_until(lambda: self.sink.count() >= wanted, timeout_s=PATIENCE_S)

    def wait_until_all_workers_start_jobs(self) -> int:
        """Wait until each worker has begun a job after now; return how long that took (ms)."""
        since_ms = _now_ms()

        def began() -> dict[int, int]:
            first: dict[int, int] = {}
            for attempt in self.sink.attempts():
                if attempt.began_ms > since_ms:
                    first.setdefault(attempt.worker, attempt.began_ms)
            return first

        wait_until(lambda: set(self.workers) <= began().keys(), timeout_s=PATIENCE_S)
        return max(began()[worker] for worker in self.workers) - since_ms

    def check(self) -> Figures:
        """Wait for the end of all jobs that were ever ordered here, and count: none lost, none done twice."""
        accepted = set(self._accepted)
        assert len(accepted) == len(self._accepted), "one request was answered with another's job"
        wait_until(lambda: self.sink.count() >= len(accepted), timeout_s=PATIENCE_S)
        self.broker.join(QUEUE, timeout=int(PATIENCE_S * 1000))

        jobs = all_jobs(self.broker, QUEUE)
        assert {job.job_id for job in jobs} == accepted
        assert {job.state for job in jobs} == {JobState.SUCCEEDED}
        effects = self.sink.effects()
        assert effects.keys() == accepted
        assert all(effects[job.job_id] <= job.attempt for job in jobs)

        now = self.broker.runner.run(stats.read_stats(self.broker.queues[QUEUE]))
        total = now.total.totals
        counted = {
            name: total.get(name, 0) for name in ("submitted", "succeeded", "started", "lost", "failed")
        }
        assert counted == {
            "submitted": len(jobs),
            "succeeded": len(jobs),
            "started": sum(job.attempt for job in jobs),
            "lost": sum(job.lost for job in jobs),
            "failed": 0,
        }
        assert (now.ready, now.leased, now.scheduled, now.retrying) == (0, 0, 0, 0)
        stale, seen = self.sink.refused(Written.STALE), self.sink.refused(Written.SEEN)
        figures = Figures(len(jobs), self._repeats, counted["lost"], stale, seen, *self._recovery_ms())
        before, self._figures = self._figures, figures
        return figures.since(before)

    def _recovery_ms(self) -> tuple[int | None, int | None]:
        """Return the longest time from a kill to the next attempt of what the killed worker ran.

        First of jobs that were lost for the first time, then of others. What a still worker had lost before
        the kill does not count.
        """
        attempts = self.sink.attempts()
        began = {(attempt.job_id, attempt.token): attempt for attempt in attempts}
        took: tuple[list[int], list[int]] = ([], [])
        for attempt in attempts:
            after = began.get((attempt.job_id, attempt.token + 1))
            killed_ms = self._killed.get(attempt.worker)
            if after is not None and killed_ms is not None and after.began_ms >= killed_ms:
                took[attempt.token > 1].append(after.began_ms - killed_ms)
        self._killed.clear()
        return max(took[0], default=None), max(took[1], default=None)


@contextmanager
def fleet(folder: Path, lease_ms: int, *, services: bool = False) -> Iterator[Fleet]:
    """A fleet with a server of its own, since that will be stopped.

    Args:
        services: Its workers are the service itself, and not forks with a bare worker.
    """
    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedServer(fsync="always"))
        sink = folder / "effects.sqlite"
        schedulers = []
        for _ in range(SCHEDULERS):
            schedulers.append(SchedulerProgram(server.url, folder))
            stack.callback(schedulers[-1].kill)
        forks: Starts
        if services:
            forks = Services(server.url, lease_ms, sink, stack)
        else:
            forks = stack.enter_context(nursery(server.url, NAMESPACE, lease_ms, sink))
        yield Fleet(server, forks, schedulers, FencedSink(sink))


def pause(for_s: float) -> None:
    """Let time pass: what is tested here is that it does no harm."""
    threading.Event().wait(for_s)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
