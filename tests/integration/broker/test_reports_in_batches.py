"""What jobs report is written together, in pieces, and nothing of it is lost."""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import dramatiq
import redis

from common.broker import JobBroker, current_job
from common.broker.committer import Committer
from common.broker.running import RunningJob
from common.broker.writer import BATCH
from common.job.model import Content
from common.job.outcome import Succeed
from common.job.states import JobState
from common.store import jobs
from common.store.events import PartMade, Progressed, StateChanged, events_of
from common.store.operation import Operation, SyncRunner
from support.store import Queue
from support.waiting import wait_until
from support.workers import working

R = TypeVar("R")

#: Two of these are more than one script takes.
LARGE = 700_000
JOIN_MS = 20_000


def test_large_parts_and_progress_of_many_jobs_arrive_whole_and_in_order(client: redis.Redis) -> None:
    broker = JobBroker(client, namespace="reports", lease_ms=5_000, timeout_ms=60_000)

    @dramatiq.actor(broker=broker)
    def report(number: int) -> None:
        job = current_job()
        assert job is not None
        for step in range(4):
            job.report(step / 4, f"step {step}")
            job.keep_part(f"part {step}", Content("text/plain", bytes([number]) * LARGE))

    messages = [report.send(number) for number in range(4)]
    with working(broker, threads=4):
        broker.join("default", timeout=JOIN_MS)
    broker.close()

    keys = broker.queues["default"]
    entries: Any = client.xrange(keys.events)
    told = [
        event for _, entry in entries for event in events_of(entry) if not isinstance(event, StateChanged)
    ]
    for number, message in enumerate(messages):
        job_id = message.options["job_id"]
        own = [
            event.progress.stage if isinstance(event, Progressed) else event.name
            for event in told
            if event.job_id == job_id and isinstance(event, Progressed | PartMade)
        ]
        assert own == [word for step in range(4) for word in (f"step {step}", f"part {step}")]
        snapshot = broker.runner.run(jobs.get(keys, job_id, full=True))
        assert snapshot is not None
        assert [part.content.data for part in snapshot.parts] == [bytes([number]) * LARGE] * 4


class Listed(SyncRunner):
    """A runner that lists what it runs."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self.ran: list[str] = []

    def run(self, operation: Operation[R]) -> R:
        self.ran.append(operation.script.name)
        return super().run(operation)


def test_progress_waits_for_more_of_it_and_goes_with_the_end(client: redis.Redis) -> None:
    # Given a job that tells how far it is, which may wait for long
    queue = Queue(client)
    job_id = queue.submit()
    [lease] = queue.fetch()
    runner = Listed(client)
    committer = Committer(runner, queue.keys.namespace, lambda _: None, progress_s=600)
    job = RunningJob(lease, queue.keys.queue, "actor", committer)
    try:
        for step in range(3):
            job.report(step / 3, f"step {step}")
        # When it ends
        committer.end(job, Succeed())
        # Then all of it is written, in one script for what was told and one for the end
        wait_until(lambda: queue.state(job_id) is JobState.SUCCEEDED)
    finally:
        committer.close()
    assert runner.ran == ["progress", "finish"]


def test_who_waits_for_all_to_be_written_waits_for_no_more_progress(client: redis.Redis) -> None:
    queue = Queue(client)
    job_id = queue.submit()
    [lease] = queue.fetch()
    committer = Committer(SyncRunner(client), queue.keys.namespace, lambda _: None, progress_s=600)
    job = RunningJob(lease, queue.keys.queue, "actor", committer)
    try:
        job.report(0.5, "half")
        assert committer.flush(timeout_s=20)
    finally:
        committer.close()
    snapshot = queue.run(jobs.get(queue.keys, job_id, full=True))
    assert snapshot is not None
    assert snapshot.job.progress is not None
    assert snapshot.job.progress.stage == "half"


class Held(SyncRunner):
    """A runner that waits before it runs."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self.may_run = threading.Event()

    def run(self, operation: Operation[R]) -> R:
        assert self.may_run.wait(20)
        return super().run(operation)


def test_ends_that_a_batch_has_no_room_for_wait_for_no_progress(client: redis.Redis) -> None:
    queue = Queue(client)
    count = BATCH + 20
    queue.submit_all([queue.request() for _ in range(count)])
    leases = queue.fetch(count)
    runner = Held(client)
    ended: list[RunningJob] = []
    committer = Committer(runner, queue.keys.namespace, ended.extend, progress_s=600)
    try:
        # While the first is being written, more come than the next batch takes
        for lease in leases:
            committer.end(RunningJob(lease, queue.keys.queue, "actor", committer), Succeed())
        runner.may_run.set()
        wait_until(lambda: len(ended) == count)
    finally:
        committer.close()
