"""The real scripts and a plain model, side by side through random operations, compared after every step."""

from __future__ import annotations

import os
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from common.job.ids import JobId
from common.job.limits import Keep, QueueSettings, TenantLimits, Window
from common.job.model import Content, DuplicatePolicy, ErrorClass, JobError, Progress
from common.job.outcome import Cancelled, Fail, Outcome, Release, Retry, Succeed
from common.job.priority import Priority
from common.job.states import Action, JobState
from common.store import jobs, queues, stats
from common.store.jobs import Lease
from common.store.packing import LARGE_BYTES, unpacked
from support.model import ModelQueue
from support.store import Queue

LEASE_MS = 30_000
TENANTS = st.sampled_from(["a", "b", "c"])
ERROR = JobError(ErrorClass.TRANSIENT, "AWAY")
RESULT = Content("text/plain", b"made")
NAMES = {
    jobs.Accepted: "accepted",
    jobs.Repeated: "repeated",
    jobs.Reused: "reused",
    jobs.Existing: "existing",
    jobs.Rejected: "rejected",
    jobs.Draining: "draining",
    jobs.Full: "full",
}
WINDOWS = st.sampled_from([None, Window(2, 10_000), Window(3, 40_000)])
LIMITS = st.builds(
    TenantLimits,
    weight=st.sampled_from([1.0, 2.0, 4.0]),
    concurrency=st.sampled_from([None, None, 1, 2]),
    window=WINDOWS,
)
FINAL = st.sampled_from([state for state in JobState if state.is_final])
KEEPS = st.builds(
    Keep,
    count=st.sampled_from([None, 0, 1, 2]),
    length_ms=st.sampled_from([None, 10_000, 600_000]),
)
SETTINGS = st.builds(
    QueueSettings,
    paused=st.sampled_from([False, False, False, True]),
    draining=st.sampled_from([False, False, False, True]),
    concurrency=st.sampled_from([None, None, 2, 4]),
    window=WINDOWS,
    depth=st.sampled_from([None, None, 8]),
    tenants=st.dictionaries(TENANTS, LIMITS, max_size=2),
    keep=st.dictionaries(FINAL, KEEPS, max_size=4),
    # So small that any job is too much.
    memory_bytes=st.sampled_from([None, 1]),
)


def spelled(settings: QueueSettings) -> dict[str, str | None]:
    """Return settings as the store spells them."""
    changes: dict[str, str | None] = {
        "paused": "1" if settings.paused else None,
        "draining": "1" if settings.draining else None,
        "concurrency": None if settings.concurrency is None else str(settings.concurrency),
        "window": None if settings.window is None else str(settings.window),
        "depth": None if settings.depth is None else str(settings.depth),
        "memory": None if settings.memory_bytes is None else str(settings.memory_bytes),
    }
    for state in (state for state in JobState if state.is_final):
        changes[f"keep:{state.value}"] = str(settings.keep[state]) if state in settings.keep else None
    for tenant in ("a", "b", "c"):
        limits = settings.tenants.get(tenant)
        changes[f"tenant:{tenant}"] = None if limits is None else str(limits)
    return changes


def outcome_of(action: Action, delay_ms: int, result: Content | None) -> Outcome:
    match action:
        case Action.SUCCEED:
            return Succeed(result)
        case Action.FAIL:
            return Fail(ERROR)
        case Action.RETRY_LATER:
            return Retry(ERROR, delay_ms)
        case Action.RELEASE:
            return Release(delay_ms)
        case _:
            return Cancelled()


def told_of(outcome: jobs.Submitted) -> str:
    """Return what a submit's outcome names: a job, a limit, or nothing."""
    match outcome:
        case jobs.Full(depth=depth):
            return str(depth)
        case jobs.Draining() | jobs.FileTooOld():
            return ""
        case _:
            return outcome.job_id


class QueueMachine(RuleBasedStateMachine):
    """Several workers, tenants, priorities and deadlines; the clock moved; replies lost; scripts repeated."""

    client: redis.Redis

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.queue = Queue(self.client, lease_ms=LEASE_MS)
        self.model = ModelQueue(LEASE_MS)
        #: Another queue of the same tenants, with the same clock, to which jobs are only submitted.
        self.aside = Queue(self.client, name="aside")
        self.model_aside = ModelQueue(LEASE_MS, requests=self.model.requests)
        #: Every member that was ever leased: also the stale ones are tried.
        self.members: list[str] = []
        self.fetches: dict[str, int] = {}
        self.payloads: dict[str, bytes] = {}

    def some_job(self, pick: int) -> str:
        ids = list(self.model.jobs)
        return ids[pick % len(ids)]

    def some_member(self, pick: int) -> Lease:
        member = self.members[-1 - pick % len(self.members)]
        job_id, _, attempt = member.rpartition("/")
        return Lease(JobId(job_id), int(attempt), "", 0, 0, self.queue.request().retry, None, b"")

    @rule(
        tenant=TENANTS,
        priority=st.sampled_from(Priority),
        delay_ms=st.sampled_from([0, 0, 0, 5_000, 40_000]),
        deadline_in_ms=st.sampled_from([None, None, 31_000, 90_000]),
        ttl_ms=st.sampled_from([None, None, 20_000]),
        request_id=st.sampled_from(["", "", "r1", "r2"]),
        digest=st.sampled_from(["x", "y"]),
        unique_key=st.sampled_from(["", "", "", "k1", "k2"]),
        policy=st.sampled_from(DuplicatePolicy),
        content=st.sampled_from(["", "", "", "", "x", "y"]),
        twice=st.booleans(),
    )
    def submit(
        self,
        tenant: str,
        priority: Priority,
        delay_ms: int,
        deadline_in_ms: int | None,
        ttl_ms: int | None,
        request_id: str,
        digest: str,
        unique_key: str,
        policy: DuplicatePolicy,
        content: str,
        twice: bool,
    ) -> None:
        self.submit_one(
            tenant,
            priority,
            delay_ms,
            deadline_in_ms,
            ttl_ms,
            request_id,
            digest,
            unique_key=unique_key,
            policy=policy,
            content=content,
            twice=twice,
        )

    def submit_one(
        self,
        tenant: str,
        priority: Priority,
        delay_ms: int,
        deadline_in_ms: int | None,
        ttl_ms: int | None,
        request_id: str,
        digest: str,
        *,
        unique_key: str = "",
        policy: DuplicatePolicy = DuplicatePolicy.USE_EXISTING,
        content: str = "",
        twice: bool = False,
    ) -> None:
        deadline_ms = None if deadline_in_ms is None else self.queue.now_ms + deadline_in_ms
        request = self.queue.request(
            tenant=tenant,
            priority=priority,
            delay_ms=delay_ms,
            deadline_ms=deadline_ms,
            ttl_ms=ttl_ms,
            request_id=request_id,
            request_digest=digest,
            unique_key=unique_key,
            duplicate_policy=policy,
            payload=content.encode() * (LARGE_BYTES + 1) or b"{}",
        )
        self.payloads[request.job_id] = request.payload
        for _ in range(1 + twice):
            [outcome] = self.queue.submit_all([request])
            told = (NAMES[type(outcome)], told_of(outcome))
            expected = self.model.submit(
                request.job_id,
                self.queue.now_ms,
                tenant=tenant,
                priority=priority,
                delay_ms=delay_ms,
                deadline_ms=deadline_ms,
                ttl_ms=ttl_ms,
                request_id=request_id,
                digest=digest,
                unique_key=unique_key,
                policy=policy,
            )
            assert told == expected

    @rule(
        tenant=TENANTS,
        request_id=st.sampled_from(["", "r1", "r2"]),
        digest=st.sampled_from(["x", "y"]),
        twice=st.booleans(),
    )
    def submit_aside(self, tenant: str, request_id: str, digest: str, twice: bool) -> None:
        """Request ids are those of all queues."""
        self.aside.now_ms = self.queue.now_ms
        request = self.aside.request(tenant=tenant, request_id=request_id, request_digest=digest)
        for _ in range(1 + twice):
            [outcome] = self.aside.submit_all([request])
            assert (NAMES[type(outcome)], told_of(outcome)) == self.model_aside.submit(
                request.job_id,
                self.aside.now_ms,
                tenant=tenant,
                priority=Priority.NORMAL,
                delay_ms=0,
                deadline_ms=None,
                ttl_ms=None,
                request_id=request_id,
                digest=digest,
            )

    @rule(
        want=st.integers(0, 4),
        worker=st.sampled_from(["w1", "w2"]),
        lost_reply=st.booleans(),
        alone=st.booleans(),
    )
    def fetch(self, want: int, worker: str, lost_reply: bool, alone: bool) -> None:
        self.fetch_some(want, worker, lost_reply=lost_reply, alone=alone)

    def fetch_some(self, want: int, worker: str, *, lost_reply: bool, alone: bool = False) -> None:
        self.fetches[worker] = number = self.fetches.get(worker, 0) + 1
        leases = self.queue.fetch(want, consumer=worker, number=number, worker=worker, alone=alone)
        expected = self.model.fetch(want, self.queue.now_ms, alone=alone)
        assert [lease.member for lease in leases] == expected
        assert all(unpacked(lease.payload) == self.payloads[lease.job_id] for lease in leases)
        if lost_reply and expected:
            again = self.queue.fetch(want, consumer=worker, number=number, worker=worker)
            # It leases nothing more, and does what time has brought about, as each fetch does.
            self.model.fetch(0, self.queue.now_ms)
            assert [lease.member for lease in again] == expected
        self.members += expected

    @rule(tenant=TENANTS, count=st.integers(2, 6), priority=st.sampled_from(Priority))
    def submit_several(self, tenant: str, count: int, priority: Priority) -> None:
        for _ in range(count):
            self.submit_one(tenant, priority, 0, None, None, "", "x")

    @rule(worker=st.sampled_from(["w1", "w2"]), times=st.integers(1, 3))
    def crash(self, worker: str, times: int) -> None:
        """A worker takes what it can, and dies; again and again, as with a job that kills its process."""
        for _ in range(times):
            self.fetch_some(4, worker, lost_reply=False, alone=True)
            self.queue.now_ms += LEASE_MS

    @rule(settings=SETTINGS)
    def configure(self, settings: QueueSettings) -> None:
        self.configure_as(settings)

    @rule()
    def unconfigure(self) -> None:
        """Most of a queue's life has no limits."""
        self.configure_as(QueueSettings())

    def configure_as(self, settings: QueueSettings) -> None:
        self.queue.configure(**spelled(settings))
        self.model.configure(settings)

    @rule()
    def sweep(self) -> None:
        self.queue.run(queues.sweep(self.queue.keys, now_ms=self.queue.now_ms))
        self.model.sweep(self.queue.now_ms)
        runs = [f"{self.queue.keys.prefix}run:{job_id}" for job_id in self.model.jobs]
        measured = [self.measured(run) for run in runs]
        held = self.queue.run(stats.read_stats(self.queue.keys, now_ms=self.queue.now_ms))
        assert held.kept_bytes == sum(measured)

    def measured(self, run: str) -> int:
        """Return the bytes that stand in a run, which may be brief."""
        if self.client.type(run) == b"string":
            brief: Any = self.client.get(run)
            return int((brief.split(b"\t")[5:] or [b"0"])[0])
        return int(self.client.hget(run, "bytes") or 0)

    @precondition(lambda self: self.model.jobs)
    @rule(pick=st.integers(0, 50), tenant=TENANTS)
    def delete(self, pick: int, tenant: str) -> None:
        job_id = self.some_job(pick)
        verdict = self.queue.delete(job_id, tenant=tenant)
        assert (verdict.done, verdict.state) == self.model.delete(job_id, tenant)

    @precondition(lambda self: self.members)
    @rule(
        pick=st.integers(0, 3),
        action=st.sampled_from(
            [Action.SUCCEED, Action.FAIL, Action.RETRY_LATER, Action.RELEASE, Action.CONFIRM_CANCEL]
        ),
        delay_ms=st.sampled_from([0, 7_000]),
        twice=st.booleans(),
        result=st.sampled_from([None, RESULT]),
    )
    def finish(self, pick: int, action: Action, delay_ms: int, twice: bool, result: Content | None) -> None:
        lease = self.some_member(pick)
        for _ in range(1 + twice):
            state = self.queue.finish(lease, outcome_of(action, delay_ms, result))
            assert state == self.model.finish(lease.member, action, delay_ms, self.queue.now_ms)

    @precondition(lambda self: self.members)
    @rule(pick=st.integers(0, 6))
    def renew(self, pick: int) -> None:
        lease = self.some_member(pick)
        assert self.queue.renew(lease) == self.model.renew(lease.member, self.queue.now_ms)

    @precondition(lambda self: self.members)
    @rule(pick=st.integers(0, 6))
    def report(self, pick: int) -> None:
        lease = self.some_member(pick)
        report = jobs.progress(self.queue.keys, lease.member, report=Progress(0.5), now_ms=self.queue.now_ms)
        assert (self.queue.run(report) != jobs.LOST) == (self.model.holder(lease.member) is not None)

    @precondition(lambda self: self.model.jobs)
    @rule(pick=st.integers(0, 50), tenant=TENANTS)
    def cancel(self, pick: int, tenant: str) -> None:
        job_id = self.some_job(pick)
        verdict = self.queue.cancel(job_id, tenant=tenant)
        assert (verdict.done, verdict.state) == self.model.cancel(job_id, tenant, self.queue.now_ms)

    @precondition(lambda self: self.model.jobs)
    @rule(pick=st.integers(0, 50), tenant=TENANTS)
    def retry(self, pick: int, tenant: str) -> None:
        job_id = self.some_job(pick)
        verdict = self.queue.retry(job_id, tenant=tenant)
        assert (verdict.done, verdict.state) == self.model.retry(job_id, tenant, self.queue.now_ms)

    @rule(by_ms=st.sampled_from([1, 1_000, 10_000, LEASE_MS, 600_000]))
    def pass_time(self, by_ms: int) -> None:
        self.queue.now_ms += by_ms

    @invariant()
    def records_agree(self) -> None:
        pages = [
            self.queue.run(jobs.list_jobs(self.queue.keys, tenant=tenant, want=1_000))
            for tenant in ("a", "b", "c")
        ]
        read = {
            job.job_id: (job.state, job.attempt, job.spent, job.lost) for page in pages for job in page.jobs
        }
        assert read == {
            job.job_id: (job.state, job.attempt, job.spent, job.lost) for job in self.model.jobs.values()
        }

    @invariant()
    def large_messages_are_kept_once_and_no_longer_than_a_job_has_them(self) -> None:
        large = {
            (job.tenant, self.payloads[job.job_id])
            for job in self.model.jobs.values()
            if len(self.payloads[job.job_id]) > LARGE_BYTES
        }
        assert len(self.client.keys(f"{self.queue.keys.prefix}blob:*")) == len(large)

    @invariant()
    def counters_agree(self) -> None:
        now = self.queue.run(stats.read_stats(self.queue.keys, now_ms=self.queue.now_ms))
        held = list(self.model.jobs.values())
        waiting = [job for job in held if job.waits and not job.state.is_final and not job.state.is_leased]
        due = sum(job.at_ms <= self.queue.now_ms for job in waiting)
        assert now.ready == due + sum(job.state is JobState.PENDING and not job.waits for job in held)
        assert now.leased == sum(job.state.is_leased for job in held)
        assert now.scheduled + now.retrying == len(waiting) - due
        totals = now.total.totals
        assert totals.get("submitted", 0) == self.model.submitted
        assert totals.get("started", 0) == self.model.started


@pytest.mark.timeout(3_600)
def test_scripts_and_model_agree_after_every_step(client: redis.Redis) -> None:
    """`make model-check` runs this long: MODEL_CHECK_EXAMPLES says how many random lives a queue has."""
    machine: Any = type("Machine", (QueueMachine,), {"client": client})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(os.environ.get("MODEL_CHECK_EXAMPLES", "60")),
            stateful_step_count=50,
            suppress_health_check=list(HealthCheck),
        ),
    )
