"""Drives one queue through the store's own operations, as services and workers do, by a clock of the test.

Keeps a tally of what it was told, so that a test can hold the statistics against a recount.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import redis

from common.job.ids import JobId, new_job_id
from common.job.model import ErrorClass, JobError, JobRequest
from common.job.outcome import Fail, Outcome, Release, Retry, Succeed
from common.job.states import JobState
from common.store import jobs
from common.store.keys import QueueKeys
from common.store.operation import SyncRunner
from common.store.queues import declare_queue

TENANT = "default"
ERROR = JobError(ErrorClass.BUG, "TEST")
FAIL = Fail(ERROR)
SUCCEED = Succeed()
RELEASE = Release()

_COUNTED = {
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
    JobState.EXPIRED: "expired",
}


@dataclass
class QueueDriver:
    """A queue with one consumer."""

    client: redis.Redis
    queue: str
    #: Unix ms; the test moves it.
    now_ms: int
    lease_ms: int = 30_000
    namespace: str = "bothsides"
    #: Leased members by expiry, and members that were asked to stop.
    leases: dict[str, int] = field(default_factory=dict)
    stopping: set[str] = field(default_factory=set)
    #: What happened, by minute since 1970 and name.
    tally: dict[int, Counter[str]] = field(default_factory=dict)
    _fetches: int = 0

    def __post_init__(self) -> None:
        self.runner = SyncRunner(self.client)
        self.keys = QueueKeys(self.namespace, self.queue)
        self.runner.run(declare_queue(self.namespace, self.queue))

    def count(self, name: str, by: int = 1) -> None:
        self.tally.setdefault(self.now_ms // 60_000, Counter())[name] += by

    def recount(self, first: int, last: int) -> Counter[str]:
        """Add up what happened from one minute to another, both included."""
        minutes = (counted for minute, counted in self.tally.items() if first <= minute <= last)
        return sum(minutes, Counter[str]())

    def submit(self, *, delay_ms: int = 0, ttl_ms: int | None = None) -> JobId:
        """Submit a job."""
        job_id = new_job_id(self.queue)
        request = JobRequest(job_id, self.queue, "actor", b"{}", delay_ms=delay_ms, ttl_ms=ttl_ms)
        self.runner.run(jobs.submit(self.keys, [request], now_ms=self.now_ms))
        self.count("submitted")
        return job_id

    def fetch(self, want: int = 1) -> list[str]:
        """Lease jobs; return their members. Leases that ran out are lost on the way."""
        self._lose()
        self._fetches += 1
        fetched = self.runner.run(
            jobs.fetch(
                self.keys,
                consumer="test",
                number=self._fetches,
                want=want,
                lease_ms=self.lease_ms,
                worker="worker-1",
                now_ms=self.now_ms,
            )
        )
        members = [lease.member for lease in fetched.leases]
        self.leases |= dict.fromkeys(members, self.now_ms + self.lease_ms)
        self.count("started", len(members))
        return members

    def finish(self, member: str, outcome: Outcome) -> JobState | None:
        """Commit how an attempt ended."""
        (state,) = self.runner.run(jobs.finish(self.keys, [(member, outcome)], now_ms=self.now_ms))
        if state is not None:
            del self.leases[member]
            self.stopping.discard(member)
            self.count("retried" if state is JobState.RETRYING else _COUNTED.get(state, "released"))
        return state

    def retry(self, member: str, delay_ms: int) -> JobState | None:
        return self.finish(member, Retry(ERROR, delay_ms))

    def cancel(self, job_id: str) -> JobState | None:
        """Cancel a job in whatever state it is."""
        before = self.state(job_id)
        verdict = self.runner.run(jobs.cancel(self.keys, job_id, tenant=TENANT, now_ms=self.now_ms))
        if verdict.state is JobState.CANCELLED and before is not JobState.CANCELLED:
            self.count("cancelled")
        if verdict.state is JobState.CANCELLING:
            self.stopping |= {member for member in self.leases if member.startswith(f"{job_id}/")}
        return verdict.state

    def state(self, job_id: str) -> JobState:
        """Read the state that a job's record is in."""
        snapshot = self.runner.run(jobs.get(self.keys, job_id))
        assert snapshot is not None, f"no job {job_id}"
        return snapshot.job.state

    def _lose(self) -> None:
        for member in [member for member, expiry_ms in self.leases.items() if expiry_ms <= self.now_ms]:
            del self.leases[member]
            self.count("lost")
            if member in self.stopping:
                self.stopping.discard(member)
                self.count("cancelled")
