"""A worker hears of cancels at once, also of those that were said before it listened."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import redis
from dramatiq.message import Message

from common.broker import JobBroker
from common.broker.cancels import CancelListener
from common.broker.committer import Committer
from common.broker.leases import LeaseKeeper
from common.broker.running import RunningJob, StopReason
from common.job.states import JobState
from common.store import jobs
from common.store.operation import SyncRunner
from support.waiting import wait_until

#: Its first third, when a renewal would tell as well, is longer than anything here waits.
LEASE_MS = 600_000


class Worker:
    """What a worker has for cancels, and one job that it leased."""

    def __init__(self, client: redis.Redis) -> None:
        self.broker = JobBroker(client, namespace="heard", lease_ms=LEASE_MS)
        self.broker.declare_queue("default")
        self.keys = self.broker.queues["default"]
        self.runner = SyncRunner(client)
        self.keeper = LeaseKeeper(self.runner, "heard", LEASE_MS)
        self.listener = CancelListener(client, self.keeper)
        self.committer = Committer(self.runner, "heard", lambda _: None)
        self.job = self.leased()

    def leased(self) -> RunningJob:
        message = self.broker.enqueue(Message("default", "actor", (), {}, {}))
        fetched = self.runner.run(
            jobs.fetch(self.keys, consumer="c", number=1, want=1, lease_ms=LEASE_MS, worker="w")
        )
        [lease] = fetched.leases
        assert lease.job_id == message.options["job_id"]
        job = RunningJob(lease, "default", "actor", self.committer)
        self.keeper.hold([job], time.monotonic())
        return job

    def cancel(self) -> None:
        verdict = self.runner.run(jobs.cancel(self.keys, self.job.job_id, tenant="default"))
        assert verdict.state is JobState.CANCELLING

    def is_listened_to(self) -> bool:
        [(_, number)] = self.broker.client.pubsub_numsub(self.keys.cancel_channel)
        return int(number) == 1

    def close(self) -> None:
        self.listener.close()
        self.keeper.close()
        self.committer.close()
        self.broker.close()


@pytest.fixture
def worker(client: redis.Redis) -> Iterator[Worker]:
    made = Worker(client)
    yield made
    made.close()


def test_a_cancel_is_heard_while_a_worker_listens(worker: Worker) -> None:
    told = threading.Event()
    worker.job.on_stop(told.set)
    worker.listener.listen(worker.keys)
    wait_until(worker.is_listened_to)
    worker.cancel()
    assert told.wait(10)
    assert worker.job.stop_reason is StopReason.CANCEL


def test_a_cancel_that_was_said_before_is_told_once_a_worker_listens(worker: Worker) -> None:
    worker.cancel()
    worker.listener.listen(worker.keys)
    wait_until(lambda: worker.job.stop_reason is StopReason.CANCEL)
