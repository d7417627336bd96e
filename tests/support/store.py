"""A worker made of bare operations, on a clock that the test moves."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import Any

import redis

from common.job.ids import JobId, new_job_id
from common.job.limits import QueueSettings
from common.job.model import Job, JobRequest
from common.job.outcome import Outcome
from common.job.states import JobState
from common.store import jobs, queue_settings
from common.store.jobs import Lease, Snapshot, Submitted, Verdict
from common.store.keys import QueueKeys
from common.store.operation import Operation, SyncRunner

#: Where a test's clock begins (Unix ms).
EPOCH_MS = 1_800_000_000_000


#: The times in ids, each later than the one before.
_made_ms = itertools.count(time.time_ns() // 1_000_000)


def ordered_id(queue: str) -> JobId:
    """Return a new id that sorts after those before it, also within a millisecond."""
    return new_job_id(queue, now_ms=next(_made_ms))


@dataclass
class Queue:
    """One queue, its clock, and the operations on it with the test's defaults."""

    client: redis.Redis
    name: str = "ai_analysis"
    namespace: str = "test"
    lease_ms: int = 30_000
    now_ms: int = EPOCH_MS
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _runs: Any = field(default_factory=itertools.count)

    @property
    def keys(self) -> QueueKeys:
        return QueueKeys(self.namespace, self.name)

    def run(self, operation: Operation[Any]) -> Any:
        """Run it as a function of the server and as a script in turn: they are the same."""
        return self._runner().run(operation)

    def _runner(self) -> SyncRunner:
        return SyncRunner(self.client, functions=next(self._runs) % 2 == 0)

    def request(self, **fields: Any) -> JobRequest:
        given = {"job_id": ordered_id(self.name), "queue": self.name, "actor": "work", "payload": b"{}"}
        return JobRequest(**{**given, **fields})

    def submit_all(self, requests: list[JobRequest]) -> list[Submitted]:
        runner = self._runner()
        steps = jobs.submitting(self.keys, requests, is_cluster=runner.is_cluster, now_ms=self.now_ms)
        return runner.run_steps(steps)

    def submit(self, **fields: Any) -> JobId:
        """Submit one job that must be accepted."""
        request = self.request(**fields)
        [outcome] = self.submit_all([request])
        assert isinstance(outcome, jobs.Accepted), outcome
        return outcome.job_id

    def fetch(
        self,
        want: int = 1,
        *,
        consumer: str = "c1",
        number: int | None = None,
        worker: str = "w1",
        alone: bool = False,
    ) -> list[Lease]:
        return self.look(want, consumer=consumer, number=number, worker=worker, alone=alone).leases

    def look(
        self,
        want: int = 1,
        *,
        consumer: str = "c1",
        number: int | None = None,
        worker: str = "w1",
        alone: bool = False,
    ) -> jobs.Fetched:
        operation = jobs.fetch(
            self.keys,
            consumer=consumer,
            number=next(self._numbers) if number is None else number,
            want=want,
            lease_ms=self.lease_ms,
            worker=worker,
            alone=alone,
            now_ms=self.now_ms,
        )
        fetched: jobs.Fetched = self.run(operation)
        return fetched

    def finish(self, lease: Lease, outcome: Outcome) -> JobState | None:
        [state] = self.run(jobs.finish(self.keys, [(lease.member, outcome)], now_ms=self.now_ms))
        return state  # type: ignore[no-any-return]

    def renew(self, lease: Lease) -> int:
        [answer] = self.run(jobs.renew(self.keys, [lease.member], lease_ms=self.lease_ms, now_ms=self.now_ms))
        return int(answer)

    def cancel(self, job_id: str, tenant: str = "default") -> Verdict:
        verdict: Verdict = self.run(jobs.cancel(self.keys, job_id, tenant=tenant, now_ms=self.now_ms))
        return verdict

    def retry(self, job_id: str, tenant: str = "default") -> Verdict:
        verdict: Verdict = self.run(jobs.retry(self.keys, job_id, tenant=tenant, now_ms=self.now_ms))
        return verdict

    def delete(self, job_id: str, tenant: str = "default") -> Verdict:
        verdict: Verdict = self.run(jobs.delete(self.keys, job_id, tenant=tenant))
        return verdict

    def configure(self, **changes: str | None) -> QueueSettings:
        """Set fields of the queue's settings, as they are spelled in the store."""
        settings: QueueSettings = self.run(queue_settings.configure(self.keys, changes, now_ms=self.now_ms))
        return settings

    def explain(self, job_id: str, tenant: str = "default") -> list[str]:
        """Return the kinds of what blocks a job, in order."""
        explained = self.run(jobs.explain(self.keys, job_id, tenant=tenant, now_ms=self.now_ms))
        assert explained is not None, job_id
        return [blocker.kind.value for blocker in explained.blockers]

    def snapshot(self, job_id: str) -> Snapshot:
        read = self.run(jobs.get(self.keys, job_id, full=True))
        assert read is not None, job_id
        snapshot: Snapshot = read
        return snapshot

    def job(self, job_id: str) -> Job:
        return self.snapshot(job_id).job

    def state(self, job_id: str) -> JobState:
        return self.job(job_id).state
