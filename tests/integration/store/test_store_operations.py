"""Submit, fetch, renew, finish: what each promises, on a real server and the test's clock."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import pytest
import redis

from common.job.digest import request_digest
from common.job.model import Content, DuplicatePolicy, ErrorClass, JobError, Progress
from common.job.outcome import Cancelled, Fail, Outcome, Release, Retry, Succeed
from common.job.priority import Priority
from common.job.states import JobState
from common.store import jobs, stats, workers
from common.store.events import PartMade, Progressed, StateChanged, events_of
from common.store.jobs import Accepted, Condition, Full, Repeated, Reused
from common.store.record import accepted as accepted_job
from support.store import EPOCH_MS, Queue

ERROR = JobError(ErrorClass.TRANSIENT, "AWAY", "the other side was away", "try later", attempt=1)


def _ready(queue: Queue) -> int:
    """Return how many ready jobs are counted."""
    counted: int = queue.run(stats.read_stats(queue.keys, minutes=[], now_ms=queue.now_ms)).ready
    return counted


class TestSubmit:
    def test_a_repeated_request_id_is_the_first_job(self, client: redis.Redis) -> None:
        queue = Queue(client)
        first = queue.submit(request_id="r1", request_digest="same")
        [again] = queue.submit_all([queue.request(request_id="r1", request_digest="same")])
        assert again == Repeated(first)
        assert queue.look(10).leases[0].job_id == first
        assert queue.fetch() == []

    def test_a_reused_request_id_is_refused(self, client: redis.Redis) -> None:
        queue = Queue(client)
        first = queue.submit(request_id="r1", request_digest="one")
        [again] = queue.submit_all([queue.request(request_id="r1", request_digest="other")])
        assert again == Reused(first)

    @pytest.mark.parametrize("tenant", ["default", "t"])
    def test_a_longer_digest_of_another_version_is_compared_as_far_as_ours(
        self, client: redis.Redis, tenant: str
    ) -> None:
        queue = Queue(client)
        ours = request_digest(b"asked")
        first = queue.submit(tenant=tenant, request_id="r1", request_digest=ours + "more")
        for digest, answer in ((ours, Repeated(first)), (request_digest(b"other"), Reused(first))):
            request = queue.request(tenant=tenant, request_id="r1", request_digest=digest)
            assert queue.submit_all([request]) == [answer]

    def test_request_ids_of_two_tenants_are_apart(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.submit(request_id="r1", tenant="a")
        queue.submit(request_id="r1", tenant="b")

    def test_a_submit_whose_reply_was_lost_may_be_sent_again(self, client: redis.Redis) -> None:
        queue = Queue(client)
        request = queue.request()
        assert queue.submit_all([request]) == queue.submit_all([request])
        assert len(queue.fetch(10)) == 1

    def test_a_full_queue_takes_no_more_and_says_its_limit(self, client: redis.Redis) -> None:
        queue = Queue(client)
        client.hset(queue.keys.config, "depth", 2)
        outcomes = queue.submit_all([queue.request() for _ in range(3)])
        assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, Full]
        assert outcomes[2] == Full(2)

    def test_a_job_is_read_back_as_it_was_submitted(self, client: redis.Redis) -> None:
        queue = Queue(client)
        request = queue.request(
            job_type="TRANSCRIPT_ANALYSIS",
            tenant="acme",
            labels={"team": "red"},
            conversation_id="c1",
            timeout_ms=5_000,
            deadline_ms=EPOCH_MS + 9_000,
            trace_id="ab" * 16,
            payload=b"\x00\xff",
        )
        [accepted] = queue.submit_all([request])
        snapshot = queue.snapshot(request.job_id)
        assert isinstance(accepted, Accepted)
        assert snapshot.job == accepted_job(request, accepted.now_ms)
        assert snapshot.payload == b"\x00\xff"

    def test_jobs_of_one_script_keep_what_only_they_have(self, client: redis.Redis) -> None:
        queue = Queue(client)
        plain, urgent = queue.request(), queue.request(priority=Priority.CRITICAL, labels={"team": "red"})
        later, other = queue.request(delay_ms=60_000), queue.request(tenant="acme", unique_key="k")
        requests = [plain, urgent, queue.request(), later, other]
        outcomes = queue.submit_all(requests)
        for request, outcome in zip(requests, outcomes, strict=True):
            assert isinstance(outcome, Accepted)
            assert queue.snapshot(request.job_id).job == accepted_job(request, outcome.now_ms)
        ready = [lease.job_id for lease in queue.fetch(10)]
        assert set(ready) == {request.job_id for request in requests if request is not later}
        assert ready.index(urgent.job_id) < ready.index(plain.job_id)

    def test_labels_that_their_owner_changes_are_those_of_the_next_job(self, client: redis.Redis) -> None:
        queue, labels = Queue(client), {"team": "red"}
        first = queue.request(labels=labels)
        queue.submit_all([first])
        labels["team"] = "blue"
        second = queue.request(labels=labels)
        queue.submit_all([second])
        assert queue.snapshot(first.job_id).job.labels == {"team": "red"}
        assert queue.snapshot(second.job_id).job.labels == {"team": "blue"}

    def test_one_id_twice_in_a_script_is_one_job(self, client: redis.Redis) -> None:
        queue = Queue(client)
        request = queue.request()
        assert queue.submit_all([request, request]) == queue.submit_all([request])[:1] * 2
        assert _ready(queue) == 1
        assert len(queue.fetch(10)) == 1

    def test_of_several_that_replace_each_other_in_one_script_the_last_runs(
        self, client: redis.Redis
    ) -> None:
        queue = Queue(client)
        requests = [queue.request(unique_key="k", duplicate_policy=DuplicatePolicy.REPLACE) for _ in range(3)]
        queue.submit_all(requests)
        assert [lease.job_id for lease in queue.fetch(10)] == [requests[-1].job_id]
        assert _ready(queue) == 0
        states = [queue.snapshot(request.job_id).job.state for request in requests]
        assert states == [JobState.CANCELLED, JobState.CANCELLED, JobState.RUNNING]


class TestOrder:
    def test_critical_jobs_start_before_any_that_waits(self, client: redis.Redis) -> None:
        """20 CRITICAL behind 5,000 LOW, submitted two hours later."""
        queue = Queue(client)
        for _ in range(10):
            queue.submit_all([queue.request(priority=Priority.LOW) for _ in range(500)])
        queue.now_ms += 7_200_000
        critical = {queue.submit(priority=Priority.CRITICAL) for _ in range(20)}
        assert {lease.job_id for lease in queue.fetch(20)} == critical

    def test_the_earliest_virtual_deadline_starts_first(self, client: redis.Redis) -> None:
        queue = Queue(client)
        low = queue.submit(priority=Priority.LOW)
        normal = queue.submit(priority=Priority.NORMAL)
        high = queue.submit(priority=Priority.HIGH)
        urgent = queue.submit(priority=Priority.LOW, deadline_ms=queue.now_ms + 40_000)
        queue.now_ms += 3_000_000  # the LOW job has waited long enough to pass a fresh NORMAL one
        fresh = queue.submit(priority=Priority.NORMAL)
        assert [lease.job_id for lease in queue.fetch(9)] == [urgent, high, normal, low, fresh]

    def test_a_flood_of_one_tenant_delays_another_by_one_job(self, client: redis.Redis) -> None:
        queue = Queue(client)
        for _ in range(4):
            queue.submit_all([queue.request(tenant="flood") for _ in range(250)])
        queue.fetch(100)
        alone = queue.submit(tenant="alone")
        assert alone in {lease.job_id for lease in queue.fetch(2)}

    def test_a_scheduled_job_starts_when_its_time_has_come(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit(delay_ms=60_000)
        before = queue.look()
        assert (before.leases, before.wait_ms) == ([], 60_000)
        queue.now_ms += 60_000
        assert [lease.job_id for lease in queue.fetch()] == [job_id]

    def test_far_future_jobs_do_not_hold_up_a_near_one(self, client: redis.Redis) -> None:
        queue = Queue(client)
        for _ in range(4):
            queue.submit_all([queue.request(delay_ms=3_600_000) for _ in range(250)])
        near = queue.submit(delay_ms=2_000)
        queue.now_ms += 2_000
        assert [lease.job_id for lease in queue.fetch(5)] == [near]

    def test_time_does_not_run_backwards(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.submit()
        queue.fetch()
        queue.now_ms -= 3_600_000
        job = queue.job(queue.submit())
        assert job.created_ms == EPOCH_MS


class TestLeases:
    def test_a_killed_workers_job_runs_again_when_its_lease_ends(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [first] = queue.fetch()
        queue.now_ms += queue.lease_ms - 1
        assert queue.fetch(consumer="c2") == []
        queue.now_ms += 1
        [second] = queue.fetch(consumer="c2", worker="w2")
        assert (second.job_id, second.attempt, second.lost, second.spent) == (job_id, 2, 1, 0)
        assert queue.job(job_id).worker == "w2"
        assert first.member != second.member

    def test_a_worker_that_comes_back_late_changes_nothing(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [late] = queue.fetch()
        queue.now_ms += queue.lease_ms
        [current] = queue.fetch(consumer="c2")
        assert queue.finish(late, Succeed(Content("text/plain", b"late"))) is None
        assert queue.renew(late) == jobs.LOST
        report = jobs.progress(queue.keys, late.member, report=Progress(0.5), now_ms=queue.now_ms)
        assert queue.run(report) == jobs.LOST
        assert queue.finish(current, Succeed(Content("text/plain", b"good"))) is JobState.SUCCEEDED
        assert queue.snapshot(job_id).result == Content("text/plain", b"good")

    def test_a_renewed_lease_lasts(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.submit()
        [lease] = queue.fetch()
        for _ in range(5):
            queue.now_ms += queue.lease_ms - 1
            assert queue.renew(lease) == jobs.HELD
        assert queue.fetch(consumer="c2") == []

    def test_a_fetch_whose_reply_was_lost_gets_the_same_jobs_again(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.submit_all([queue.request() for _ in range(5)])
        first = queue.fetch(3, number=7)
        assert queue.fetch(3, number=7) == first
        assert len(queue.fetch(9, number=8)) == 2

    def test_a_job_that_loses_its_worker_too_often_is_given_up(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        for _ in range(2):
            assert len(queue.fetch()) == 1
            queue.now_ms += queue.lease_ms
        # From then on it is suspect: nobody gets it beside other jobs,
        assert queue.fetch(9) == []
        queue.now_ms += 10_000
        assert queue.fetch(9) == []
        assert queue.explain(job_id) == ["SUSPECT"]
        # but a worker that runs nothing else does; twice, and no more.
        for _ in range(2):
            assert len(queue.fetch(9, alone=True)) == 1
            queue.now_ms += queue.lease_ms
            queue.fetch(0)
            queue.now_ms += 10_000
        assert queue.fetch(alone=True) == []
        job = queue.job(job_id)
        assert job.state is JobState.FAILED
        assert job.error is not None
        assert job.error.error_class is ErrorClass.WORKER_LOST

    def test_a_cancelled_job_whose_worker_vanished_is_cancelled(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        queue.fetch()
        queue.cancel(job_id)
        queue.now_ms += queue.lease_ms
        queue.fetch(0)
        assert queue.state(job_id) is JobState.CANCELLED


class TestDamage:
    def test_ids_without_records_do_not_stop_a_queue(self, client: redis.Redis) -> None:
        queue = Queue(client)
        gone = [queue.submit(), queue.submit(delay_ms=1_000), queue.submit()]
        [lease] = queue.fetch()
        client.delete(*(f"{queue.keys.prefix}job:{job_id}" for job_id in gone))
        queue.now_ms += queue.lease_ms
        sound = queue.submit()
        assert [found.job_id for found in queue.fetch(5)] == [sound]
        assert queue.finish(lease, Succeed()) is None


class TestFinish:
    def test_a_repeated_finish_gets_its_first_answer(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.submit()
        [lease] = queue.fetch()
        assert queue.finish(lease, Succeed()) is JobState.SUCCEEDED
        assert queue.finish(lease, Succeed()) is JobState.SUCCEEDED
        assert queue.job(lease.job_id).spent == 1

    @pytest.mark.parametrize("outcome", [Succeed(), Succeed(Content("text/plain", b"made")), Fail(ERROR)])
    def test_a_lease_that_stands_twice_in_a_batch_ends_once_and_costs_no_other(
        self, client: redis.Redis, outcome: Outcome
    ) -> None:
        queue = Queue(client)
        queue.submit_all([queue.request() for _ in range(3)])
        first, damaged, last = queue.fetch(3)
        client.set(f"{queue.keys.prefix}run:{damaged.job_id}", "no run")
        batch = [(lease.member, outcome) for lease in (first, first, damaged, last)]
        states = queue.run(jobs.finish(queue.keys, batch, now_ms=queue.now_ms))
        ended = JobState.SUCCEEDED if isinstance(outcome, Succeed) else JobState.FAILED
        assert states == [ended, ended, None, ended]
        assert queue.job(first.job_id).spent == 1
        assert queue.state(last.job_id) is ended

    def test_plain_successes_are_committed_together_and_answered_in_their_order(
        self, client: redis.Redis
    ) -> None:
        queue = Queue(client)
        queue.submit_all([queue.request(tenant=tenant) for tenant in ("a", "b", "a", "b", "a")])
        first = queue.fetch(3)
        queue.now_ms += 10
        leases = [*first, *queue.fetch(3)]
        queue.cancel(leases[3].job_id, tenant=leases[3].tenant)
        outcomes: list[Outcome] = [Succeed(), Fail(ERROR), Succeed(), Cancelled(), Succeed()]
        batch = [jobs.Ending(lease.member, outcome) for lease, outcome in zip(leases, outcomes, strict=True)]
        ended = JobState.SUCCEEDED
        states = [ended, JobState.FAILED, ended, JobState.CANCELLED, ended]
        for _ in range(2):
            # The second time the leases are gone, as after a lost reply: the answers are those of before.
            assert queue.run(jobs.finish(queue.keys, batch, now_ms=queue.now_ms)) == states
        assert [queue.state(lease.job_id) for lease in leases] == states
        assert client.hgetall(f"{queue.keys.prefix}leased") == {}

    def test_a_job_whose_keys_are_damaged_costs_no_other_its_end(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.submit_all([queue.request() for _ in range(3)])
        leases = queue.fetch(3)
        client.set(f"{queue.keys.prefix}result:{leases[1].job_id}", "no hash")
        result = Succeed(Content("text/plain", b"fine"))
        batch = [jobs.Ending(lease.member, result, outbox=b"[]") for lease in leases]
        states = queue.run(jobs.finish(queue.keys, batch, now_ms=queue.now_ms))
        assert states == [JobState.SUCCEEDED, None, JobState.SUCCEEDED]
        # What an end causes is noted only with the end.
        assert client.xlen(queue.keys.outbox) == 2
        # The damaged one runs again once its lease has run out.
        queue.now_ms += queue.lease_ms
        [again] = queue.fetch(3)
        assert (again.job_id, again.attempt) == (leases[1].job_id, 2)

    def test_a_retry_waits_for_its_time_and_keeps_the_error(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        assert queue.finish(lease, Retry(ERROR, delay_ms=5_000)) is JobState.RETRYING
        assert queue.job(job_id).error == ERROR
        assert queue.fetch() == []
        queue.now_ms += 5_000
        [again] = queue.fetch()
        assert (again.attempt, again.spent) == (2, 1)

    def test_a_released_job_spends_no_attempt(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        for delay_ms in (0, 9_000):
            [lease] = queue.fetch()
            assert queue.finish(lease, Release(delay_ms)) is JobState.PENDING
        assert queue.fetch() == []
        queue.now_ms += 9_000
        assert [lease.spent for lease in queue.fetch()] == [0]
        assert queue.job(job_id).spent == 0

    def test_parts_of_an_earlier_attempt_are_gone_in_the_next(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        part = ("tone", Content("text/plain", b"one\ntwo\tthree"))
        assert queue.run(jobs.progress(queue.keys, lease.member, part=part)) == jobs.HELD
        assert queue.snapshot(job_id).parts[0].content == part[1]
        queue.finish(lease, Retry(ERROR, 0))
        queue.fetch()
        assert queue.snapshot(job_id).parts == ()

    def test_old_jobs_are_removed_when_there_are_enough_newer_ones(self, client: redis.Redis) -> None:
        queue = Queue(client)
        first = queue.submit()
        queue.finish(queue.fetch()[0], Succeed())
        queue.now_ms += 86_400_001
        queue.submit_all([queue.request() for _ in range(101)])
        for lease in queue.fetch(101):
            queue.finish(lease, Succeed())
        assert queue.run(jobs.get(queue.keys, first)) is None
        assert len(list(client.scan_iter(f"{queue.keys.prefix}*{first}*"))) == 0


class TestCancelAndRetry:
    def test_a_running_job_hears_of_its_cancel_with_the_next_renewal(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        assert queue.cancel(job_id).state is JobState.CANCELLING
        assert queue.cancel(job_id).done
        assert queue.renew(lease) == jobs.STOP
        assert queue.finish(lease, Cancelled()) is JobState.CANCELLED
        assert queue.cancel(job_id).done

    def test_another_tenants_job_does_not_exist(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit(tenant="a")
        assert queue.cancel(job_id, tenant="b").state is None
        assert queue.retry(job_id, tenant="b").state is None
        assert queue.state(job_id) is JobState.PENDING

    def test_a_retried_job_has_all_its_attempts_again(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        queue.finish(lease, Fail(ERROR))
        assert queue.retry(job_id).done
        [again] = queue.fetch()
        assert (again.attempt, again.spent) == (2, 0)
        # What the first attempt says now gets its first answer, and changes nothing.
        assert queue.finish(lease, Succeed()) is JobState.FAILED
        assert queue.state(job_id) is JobState.RUNNING


class TestReading:
    def test_pages_are_stable_while_jobs_are_added(self, client: redis.Redis) -> None:
        queue = Queue(client)
        ids = sorted(queue.submit() for _ in range(25))
        seen: list[str] = []
        after = ""
        while True:
            page = queue.run(jobs.list_jobs(queue.keys, after=after, want=10))
            seen += [job.job_id for job in page.jobs]
            queue.submit()
            if not page.after:
                break
            after = page.after
        assert seen == ids[::-1]

    def test_a_list_holds_what_meets_all_conditions(self, client: redis.Redis) -> None:
        queue = Queue(client)
        wanted = queue.submit(labels={"team": "red"}, conversation_id="c1")
        queue.submit(labels={"team": "blue"}, conversation_id="c1")
        queue.submit(labels={"team": "red"})
        program: list[Condition | jobs.Connective] = [
            Condition("label:team", "=", "red"),
            Condition("conversation", "=", "c1"),
            "AND",
            Condition("created", ">=", str(EPOCH_MS)),
            "AND",
        ]
        page = queue.run(jobs.list_jobs(queue.keys, program=program))
        assert [job.job_id for job in page.jobs] == [wanted]

    def test_the_stream_tells_all_that_happened_in_order(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        part = ("tone", Content("text/plain", b"\x00\nfine"))
        queue.run(jobs.progress(queue.keys, lease.member, report=Progress(0.5, "half\tway"), part=part))
        queue.finish(lease, Fail(ERROR))
        entries: Any = client.xrange(queue.keys.events)
        told = [event for _, entry in entries for event in events_of(entry)]
        assert [type(event) for event in told] == [
            StateChanged,
            StateChanged,
            Progressed,
            PartMade,
            StateChanged,
        ]
        assert {event.job_id for event in told} == {job_id}
        assert isinstance(told[2], Progressed)
        assert told[2].progress.stage == "half\tway"
        assert isinstance(told[3], PartMade)
        assert told[3].name == "tone"
        assert isinstance(told[4], StateChanged)
        assert (told[4].state, told[4].error) == (JobState.FAILED, ERROR)

    def test_reports_of_many_jobs_are_told_in_order_and_each_is_fenced(self, client: redis.Redis) -> None:
        """Given two running jobs and one that another attempt holds, whose reports come in one batch."""
        queue = Queue(client)
        first, second, _ = (queue.submit() for _ in range(3))
        one, two, late = queue.fetch(3)
        queue.finish(late, Release(0))
        part = ("tone", Content("text/plain", b"\x00\nfine"))
        reports = [
            jobs.Report(one.member, Progress(0.1, "reading")),
            jobs.Report(two.member, Progress(0.2, "reading")),
            jobs.Report(one.member, part=part),
            jobs.Report(late.member, Progress(0.9, "late"), part),
            jobs.Report(one.member, Progress(0.3, "writing")),
        ]
        before = client.xlen(queue.keys.events)
        queue.cancel(second)
        answers = queue.run(jobs.tell(queue.keys, reports, now_ms=queue.now_ms))
        assert answers == [jobs.HELD, jobs.STOP, jobs.HELD, jobs.LOST, jobs.HELD]

        entries: Any = client.xrange(queue.keys.events)
        told = [event for _, entry in entries[before:] for event in events_of(entry)]
        kinds = [(type(event), event.job_id) for event in told if not isinstance(event, StateChanged)]
        assert kinds == [(Progressed, first), (Progressed, second), (PartMade, first), (Progressed, first)]
        assert {event.at_ms for event in told} == {queue.now_ms}

        snapshot = queue.snapshot(first)
        assert snapshot.job.progress is not None
        assert (snapshot.job.progress.stage, snapshot.job.revision) == ("writing", 3)
        assert snapshot.parts[0].content == part[1]

    def test_a_job_whose_time_has_come_is_ready_before_any_worker_looks(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.submit(delay_ms=5_000)
        queue.now_ms += 9_000
        now = queue.run(stats.read_stats(queue.keys, now_ms=queue.now_ms))
        assert (now.ready, now.scheduled, now.oldest_ready_ms) == (1, 0, EPOCH_MS + 5_000)

    def test_a_newer_workers_report_is_read_as_far_as_it_is_known(self, client: redis.Redis) -> None:
        report = workers.WorkerReport("w1", "host", 1, "9", ("exports",), 4, 0, EPOCH_MS)
        queue = Queue(client)
        queue.run(workers.report_worker("test", report))
        key = workers.report_worker("test", report).keys[1] + "w1"
        client.set(key, cast("bytes", client.get(key)).replace(b"{", b'{"news":[1],', 1))
        [read] = queue.run(workers.list_workers("test"))[1]
        assert read == dataclasses.replace(report, reported_ms=read.reported_ms)

    def test_counters_equal_a_recount(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.submit_all([queue.request(delay_ms=5_000 * (i % 2)) for i in range(20)])
        leases = queue.fetch(6)
        queue.finish(leases[0], Succeed())
        queue.finish(leases[1], Fail(ERROR))
        queue.finish(leases[2], Retry(ERROR, 9_000))
        queue.cancel(leases[3].job_id)
        queue.finish(leases[4], Release(0))
        now = queue.run(stats.read_stats(queue.keys, minutes=[queue.now_ms // 60_000], now_ms=queue.now_ms))
        page = queue.run(jobs.list_jobs(queue.keys, want=99))
        states = [job.state for job in page.jobs]
        assert (now.ready, now.scheduled, now.retrying, now.leased) == (
            states.count(JobState.PENDING),
            states.count(JobState.SCHEDULED),
            states.count(JobState.RETRYING),
            states.count(JobState.RUNNING) + states.count(JobState.CANCELLING),
        )
        counted = now.minutes[queue.now_ms // 60_000]
        assert counted.totals == now.total.totals
        assert (counted.totals["submitted"], counted.totals["started"]) == (20, 6)
        assert sum(counted.waits.values()) == 6
        assert sum(counted.runs.values()) == 4
        assert now.oldest_ready_ms == EPOCH_MS
