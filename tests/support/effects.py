"""Jobs with an effect outside of their store, and workers that run them, while the store is disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dramatiq
import redis
from dramatiq.errors import ConnectionClosed

from common.broker import current_job
from common.job.model import Job
from common.job.states import JobState
from common.store import jobs, stats
from support.places import Place
from support.waiting import wait_until
from support.workers import working

LEASE_MS = 2_000


class Effects:
    """A sender and some workers of one namespace. The sink is on a server that nobody disturbs."""

    def __init__(self, place: Place, sink: redis.Redis, queues: tuple[str, ...], stack: ExitStack) -> None:
        self.sink = sink
        self.queues = queues
        self._place = place
        self._stack = stack
        self.broker = stack.enter_context(place.broker(namespace="effects", lease_ms=LEASE_MS))
        for queue in queues:
            self.broker.declare_queue(queue)
        self.sent: list[dramatiq.Message[Any]] = []

    def send(self, count: int, duration_ms: int = 30) -> None:
        """Send jobs to each queue in turn, each until it is accepted."""
        for _ in range(count):
            number = len(self.sent)
            queue = self.queues[number % len(self.queues)]
            message: dramatiq.Message[Any] = dramatiq.Message(
                queue, "effect", (number, duration_ms), {}, {"request_id": f"r{number}", "max_retries": 50}
            )
            self.sent += wait_until(lambda message=message: self._accepted(message), timeout_s=40)  # type: ignore[misc]

    def _accepted(self, message: dramatiq.Message[Any]) -> list[dramatiq.Message[Any]]:
        try:
            return [self.broker.enqueue(message)]
        except ConnectionClosed:
            return []

    def work(self) -> None:
        """Start one more worker, with a broker and a client of its own, until the test ends."""
        broker = self._stack.enter_context(self._place.broker(namespace="effects", lease_ms=LEASE_MS))
        sink = self.sink

        @dramatiq.actor(broker=broker, queue_name=self.queues[0], min_backoff=10, max_backoff=50)
        async def effect(number: int, duration_ms: int) -> None:
            job = current_job()
            assert job is not None
            await asyncio.to_thread(sink.rpush, "runs", f"{number}/{job.attempt}")
            await asyncio.sleep(duration_ms / 1000)
            await asyncio.to_thread(sink.hsetnx, "effects", str(number), job.lease.member)

        for queue in self.queues:
            broker.declare_queue(queue)
        self._stack.enter_context(working(broker, threads=4))

    def done(self) -> int:
        count: int = self.sink.hlen("effects")
        return count

    def wait_for(self, done: int) -> None:
        wait_until(lambda: self.done() >= done, timeout_s=40)

    def job(self, message: dramatiq.Message[Any]) -> Job:
        keys = self.broker.queues[message.queue_name]
        snapshot = wait_until(lambda: self._read(jobs.get(keys, message.options["job_id"])))
        assert isinstance(snapshot, jobs.Snapshot), message
        return snapshot.job

    def _read(self, operation: Any) -> Any:
        try:
            return self.broker.run(operation)
        except ConnectionClosed:
            return None

    def check_that_no_attempt_ran_twice(self) -> None:
        """More runs than jobs are of later attempts: a slow machine may lose a lease while a slot moves."""
        runs: Any = self.sink.lrange("runs", 0, -1)
        assert len(runs) >= len(self.sent)
        assert len(runs) == len(set(runs))

    def check_that_nothing_was_lost(self) -> None:
        """Everything that was accepted ran, had its effect once, and is counted once."""
        wait_until(lambda: {self.job(one).state for one in self.sent} == {JobState.SUCCEEDED}, timeout_s=60)
        assert self.done() == len(self.sent)
        read = [self.broker.run(stats.read_stats(self.broker.queues[queue])) for queue in self.queues]
        assert [(one.ready, one.leased, one.scheduled, one.retrying) for one in read] == [(0, 0, 0, 0)] * len(
            read
        )
        assert sum(one.total.totals["succeeded"] for one in read) == len(self.sent)
        assert sum(one.total.totals["submitted"] for one in read) == len(self.sent)


@contextmanager
def effects(place: Place, sink: redis.Redis, *queues: str) -> Iterator[Effects]:
    """Yield a rig; its workers end with the block."""
    with ExitStack() as stack:
        yield Effects(place, sink, queues or ("default",), stack)
