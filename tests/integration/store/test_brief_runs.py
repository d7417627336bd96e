"""The run of a plain first attempt is one string; it reads as the hash that it becomes for anything else."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from common.job.model import Content, ErrorClass, JobError, PaidUsage, Progress, Usage
from common.job.outcome import Cancelled, Fail, Outcome, Release, Retry, Succeed
from common.job.states import JobState
from common.store import jobs, queues, stats
from common.store.events import StateChanged, events_of
from support.store import Queue

ERROR = JobError(ErrorClass.TRANSIENT, "AWAY", "the other side was away", "try later", attempt=1)
RESULT = Content("text/plain", b"made")
TENANTS = pytest.mark.parametrize("tenant", ["default", "acme"])


def run_key(queue: Queue, job_id: str) -> str:
    return f"{queue.keys.prefix}run:{job_id}"


def is_brief(queue: Queue, job_id: str) -> bool:
    return bool(queue.client.type(run_key(queue, job_id)) == b"string")


def leased(queue: Queue, **fields: Any) -> jobs.Lease:
    """Submit a job and lease it."""
    queue.submit(**fields)
    queue.now_ms += 5
    [lease] = queue.fetch(worker="host/17 b")
    assert is_brief(queue, lease.job_id)
    return lease


def succeeded(queue: Queue, **fields: Any) -> jobs.Lease:
    """Submit a job and run it."""
    lease = leased(queue, **fields)
    queue.now_ms += 40
    assert queue.finish(lease, Succeed()) is JobState.SUCCEEDED
    assert is_brief(queue, lease.job_id)
    return lease


def read_in_every_way(queue: Queue, job_id: str, tenant: str) -> list[Any]:
    keys = queue.keys
    here, first = jobs.Condition("worker", "=", "host/17 b"), jobs.Condition("attempt", "=", "1")
    return [
        queue.job(job_id),
        queue.run(jobs.get(keys, job_id)).job,
        queue.run(jobs.read_records(keys, [job_id])),
        queue.run(jobs.list_jobs(keys, tenant=tenant)).jobs,
        queue.run(jobs.list_jobs(keys, tenant=tenant, program=[here, first, "AND"])).jobs,
        queue.run(jobs.attempts(keys, job_id)),
        queue.run(jobs.explain(keys, job_id, tenant=tenant, now_ms=queue.now_ms)),
    ]


class TestReading:
    @TENANTS
    @pytest.mark.parametrize("ended", [False, True])
    def test_a_brief_run_reads_as_the_hash_that_stands_for_the_same(
        self, client: redis.Redis, tenant: str, ended: bool
    ) -> None:
        queue = Queue(client)
        lease = (succeeded if ended else leased)(queue, tenant=tenant)
        briefly = read_in_every_way(queue, lease.job_id, tenant)

        fields: dict[Any, Any]
        fields = {"state": "RUNNING", "attempt": "1", "started": queue.now_ms, "worker": "host/17 b"}
        if ended:
            times = {"started": queue.now_ms - 40, "ended": queue.now_ms}
            fields |= {"state": "SUCCEEDED", "spent": "1", **times}
        client.delete(run_key(queue, lease.job_id))
        client.hset(run_key(queue, lease.job_id), mapping=fields)
        assert briefly == read_in_every_way(queue, lease.job_id, tenant)
        assert all(briefly)

    def test_jobs_that_begin_and_end_together_have_a_run_each(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.submit_all(
            [queue.request(tenant=tenant) for tenant in ("a", "b", "default") for _ in range(700)]
        )
        leases = queue.fetch(2_100)
        ended = queue.run(jobs.finish(queue.keys, [(each.member, Succeed()) for each in leases[:1_500]]))
        assert set(ended) == {JobState.SUCCEEDED}
        for place in (0, 1, 2, 999, 1_499, 1_500, 2_099):
            job = queue.job(leases[place].job_id)
            wanted = JobState.SUCCEEDED if place < 1_500 else JobState.RUNNING
            assert (job.state, job.tenant, job.worker) == (wanted, leases[place].tenant, "w1")

    def test_the_events_of_jobs_that_move_together_are_those_of_each(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.submit_all([queue.request(tenant=tenant) for tenant in ("a", "a", "b", "b", "a")])
        leases = queue.fetch(5)
        outcomes: list[Outcome] = [Succeed(), Succeed(), Fail(ERROR), Succeed(), Succeed()]
        ends = [(lease.member, outcome) for lease, outcome in zip(leases, outcomes, strict=True)]
        queue.run(jobs.finish(queue.keys, ends, now_ms=queue.now_ms))

        entries: Any = client.xrange(queue.keys.events)
        read = [event for _, entry in entries for event in events_of(entry)]
        told = [event for event in read if isinstance(event, StateChanged)]
        assert len(told) == len(read) == 15
        for lease, outcome in zip(leases, outcomes, strict=True):
            own = [event for event in told if event.job_id == lease.job_id]
            failed = isinstance(outcome, Fail)
            ended = JobState.FAILED if failed else JobState.SUCCEEDED
            assert [(event.state, event.attempt, event.tenant, event.error) for event in own] == [
                (JobState.PENDING, 0, lease.tenant, None),
                (JobState.RUNNING, 1, lease.tenant, None),
                (ended, 1, lease.tenant, ERROR if failed else None),
            ]
            assert {event.at_ms for event in own} == {queue.now_ms}

    def test_an_end_without_a_record_is_stale(self, client: redis.Redis) -> None:
        queue = Queue(client)
        lease = leased(queue)
        client.delete(queue.keys.job(lease.job_id))
        queue.now_ms += queue.lease_ms
        assert queue.fetch() == []
        assert queue.finish(lease, Succeed()) is None

    def test_a_fetch_that_is_repeated_gets_the_same_jobs(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.submit_all([queue.request() for _ in range(2)])
        assert queue.fetch(2, number=9) == queue.fetch(2, number=9)

    def test_a_run_that_is_damaged_stops_nothing(self, client: redis.Redis) -> None:
        queue = Queue(client)
        lease = leased(queue)
        client.set(run_key(queue, lease.job_id), "no run")
        assert queue.job(lease.job_id).state is JobState.PENDING
        queue.now_ms += queue.lease_ms
        [again] = queue.fetch()
        assert again.job_id == lease.job_id
        assert queue.finish(again, Succeed()) is JobState.SUCCEEDED


class TestRunning:
    @pytest.mark.parametrize(
        ("outcome", "state"),
        [
            (Fail(ERROR), JobState.FAILED),
            (Retry(ERROR, 1_000), JobState.RETRYING),
            (Release(1_000, "LATER"), JobState.PENDING),
        ],
    )
    @TENANTS
    def test_another_end_is_kept_whole(
        self, client: redis.Redis, tenant: str, outcome: Outcome, state: JobState
    ) -> None:
        queue = Queue(client)
        lease = leased(queue, tenant=tenant)
        for _ in range(2):
            assert queue.finish(lease, outcome) is state
        [attempt, *_] = queue.run(jobs.attempts(queue.keys, lease.job_id))
        assert (attempt.attempt, attempt.worker, attempt.started_ms) == (1, "host/17 b", queue.now_ms)
        assert queue.job(lease.job_id).tenant == tenant
        if state is JobState.FAILED:
            assert queue.retry(lease.job_id, tenant).done
        queue.now_ms += 1_000
        [again] = queue.fetch()
        assert (again.attempt, again.tenant, again.spent) == (2, tenant, int(state is JobState.RETRYING))
        assert queue.finish(again, Succeed()) is JobState.SUCCEEDED
        assert len(queue.run(jobs.attempts(queue.keys, lease.job_id))) == 2

    def test_a_success_with_a_result_stays_brief(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.configure(memory=str(1 << 30))
        lease = leased(queue)
        batch = [jobs.Ending(lease.member, Succeed(RESULT), Usage(5, 70_000), outbox=b"[]")]
        for _ in range(2):
            [state] = queue.run(jobs.finish(queue.keys, batch, now_ms=queue.now_ms))
            assert state is JobState.SUCCEEDED
        assert is_brief(queue, lease.job_id)
        assert client.xlen(queue.keys.outbox) == 1
        for _ in range(2):
            snapshot = queue.snapshot(lease.job_id)
            assert (snapshot.result, snapshot.job.usage) == (RESULT, Usage(5, 70_000))
            assert is_brief(queue, lease.job_id)
            # Then it is measured.
            queue.run(queues.sweep(queue.keys, now_ms=queue.now_ms))
        assert queue.run(stats.read_stats(queue.keys, now_ms=queue.now_ms)).kept_bytes > 250

    def test_what_it_paid_is_kept_with_the_job(self, client: redis.Redis) -> None:
        queue = Queue(client)
        lease = leased(queue)
        used = Usage(5, 70_000, PaidUsage(calls=1, cost_micro_usd=300))
        assert queue.run(jobs.finish(queue.keys, [jobs.Ending(lease.member, Succeed(), used)]))
        job = queue.job(lease.job_id)
        assert (job.usage, job.paid) == (used, used.paid)

    def test_a_member_of_another_attempt_is_stale(self, client: redis.Redis) -> None:
        queue = Queue(client)
        lease = leased(queue)
        for outcome in (Succeed(), Succeed(RESULT), Fail(ERROR)):
            for attempt in (0, 2, 11):
                other = (f"{lease.job_id}/{attempt}", outcome)
                assert queue.run(jobs.finish(queue.keys, [other], now_ms=queue.now_ms)) == [None]
        assert queue.finish(lease, Succeed()) is JobState.SUCCEEDED

    @TENANTS
    def test_what_was_reported_and_kept_stays_with_the_end(self, client: redis.Redis, tenant: str) -> None:
        queue = Queue(client)
        lease = leased(queue, tenant=tenant)
        report = jobs.progress(queue.keys, lease.member, report=Progress(0.5, "half"), now_ms=queue.now_ms)
        assert queue.run(report) == jobs.HELD
        assert queue.run(jobs.keep_checkpoint(queue.keys, lease.member, b"here")) == jobs.HELD
        assert queue.finish(lease, Succeed()) is JobState.SUCCEEDED
        job = queue.job(lease.job_id)
        assert job.progress is not None
        assert (job.progress.stage, job.revision, job.tenant) == ("half", 1, tenant)
        # A checkpoint lasts until the job succeeds.
        assert client.exists(f"{queue.keys.prefix}checkpoint:{lease.job_id}") == 0

    def test_it_is_renewed_and_cancelled(self, client: redis.Redis) -> None:
        queue = Queue(client)
        lease = leased(queue)
        assert queue.renew(lease) == jobs.HELD
        assert queue.cancel(lease.job_id).state is JobState.CANCELLING
        assert queue.renew(lease) == jobs.STOP
        assert queue.finish(lease, Cancelled()) is JobState.CANCELLED
        assert queue.job(lease.job_id).worker == "host/17 b"

    def test_who_succeeds_before_a_cancel_arrives_has_succeeded(self, client: redis.Redis) -> None:
        queue = Queue(client)
        lease = leased(queue)
        queue.cancel(lease.job_id)
        for _ in range(2):
            assert queue.finish(lease, Succeed()) is JobState.SUCCEEDED
        assert queue.job(lease.job_id).spent == 1

    def test_a_lost_lease_is_told_and_its_late_end_refused(self, client: redis.Redis) -> None:
        queue = Queue(client)
        lease = leased(queue)
        queue.now_ms += queue.lease_ms
        [again] = queue.fetch(worker="w2")
        assert (again.attempt, again.lost) == (2, 1)
        assert queue.finish(lease, Succeed()) is None
        assert queue.finish(again, Succeed()) is JobState.SUCCEEDED
        lost, last = queue.run(jobs.attempts(queue.keys, lease.job_id))
        assert (lost.outcome, lost.worker, last.worker) == ("LOST", "host/17 b", "w2")

    def test_it_is_not_deleted_and_is_flushed_without_a_trace(self, client: redis.Redis) -> None:
        queue = Queue(client)
        lease = leased(queue)
        assert queue.delete(lease.job_id).state is JobState.RUNNING
        assert queue.run(queues.flush(queue.keys)) == 0
        assert client.keys(f"{queue.keys.prefix}*:{lease.job_id}") == []
        assert client.zcard(f"{queue.keys.prefix}leases") == 0
        assert queue.finish(lease, Succeed()) is None
        # What comes late writes nothing.
        assert client.keys(f"{queue.keys.prefix}*:{lease.job_id}") == []


class TestSucceeded:
    @TENANTS
    def test_it_is_final_for_whoever_asks(self, client: redis.Redis, tenant: str) -> None:
        queue = Queue(client)
        lease = succeeded(queue, tenant=tenant)
        assert queue.cancel(lease.job_id, tenant).state is JobState.SUCCEEDED
        assert not queue.retry(lease.job_id, tenant).done
        assert queue.renew(lease) == jobs.LOST
        assert queue.finish(lease, Fail(ERROR)) is JobState.SUCCEEDED
        assert is_brief(queue, lease.job_id)
        entries: Any = client.xrange(queue.keys.events)
        changes = [event for _, entry in entries for event in events_of(entry)]
        ended = [JobState.PENDING, JobState.RUNNING, JobState.SUCCEEDED]
        assert [change.state for change in changes if isinstance(change, StateChanged)] == ended

    def test_it_is_deleted_without_a_trace(self, client: redis.Redis) -> None:
        queue = Queue(client)
        lease = succeeded(queue)
        assert queue.delete(lease.job_id).done
        assert client.keys(f"{queue.keys.prefix}*:{lease.job_id}") == []

    def test_what_it_takes_is_measured_and_given_back(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.configure(memory=str(1 << 30))
        lease = succeeded(queue)
        queue.run(queues.sweep(queue.keys, now_ms=queue.now_ms))
        measured = queue.run(stats.read_stats(queue.keys, now_ms=queue.now_ms))
        assert measured.kept_bytes > 250
        assert is_brief(queue, lease.job_id)
        assert queue.job(lease.job_id).worker == "host/17 b"
        assert queue.delete(lease.job_id).done
        assert queue.run(stats.read_stats(queue.keys, now_ms=queue.now_ms)).kept_bytes == 0
