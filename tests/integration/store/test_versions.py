"""What an older or a newer version has written: it is read, passed through whole, and never stops a queue."""

from __future__ import annotations

from typing import Any

import orjson
import redis

from common.job.ids import JobId
from common.job.model import Content, ErrorClass, JobError
from common.job.outcome import Fail, Release, Retry, Succeed
from common.job.priority import Priority
from common.job.states import JobState
from common.store import jobs, queues
from common.store.events import PartMade, StateChanged, Updated, events_of
from common.store.record import HEADER, VERSION
from common.store.workers import WorkerReport, list_workers, report_worker
from support.store import Queue

ERROR = JobError(ErrorClass.TRANSIENT, "AWAY")
#: A newer version adds fields at the end of a header.
ADDED = ("colour=red", "", "shape=round")


def header(queue: Queue, job_id: str) -> list[str]:
    whole = queue.client.get(queue.keys.job(job_id))
    assert isinstance(whole, bytes)
    return whole.partition(b"\n")[0].decode().split("\t")


def rewrite(queue: Queue, job_id: str, fields: list[str]) -> None:
    """Write a job's header as another version would have."""
    whole = queue.client.get(queue.keys.job(job_id))
    assert isinstance(whole, bytes)
    queue.client.set(queue.keys.job(job_id), "\t".join(fields).encode() + b"\n" + whole.partition(b"\n")[2])


def newer(queue: Queue, **fields: Any) -> JobId:
    """Submit a job whose record holds more than this version knows."""
    job_id = queue.submit(**fields)
    known = header(queue, job_id)
    rewrite(queue, job_id, [*known, *[""] * (len(HEADER) - len(known)), *ADDED])
    queue.client.hset(run_key(queue, job_id), "colour", "red")
    # Its place says that it has a run.
    ready = f"{queue.keys.prefix}ready:{fields.get('tenant', 'default')}"
    queue.client.zincrby(ready, 0.5, job_id)
    return job_id


def run_key(queue: Queue, job_id: str) -> str:
    return f"{queue.keys.prefix}run:{job_id}"


class TestNewerRecords:
    def test_a_job_with_fields_that_nobody_knows_goes_its_whole_way(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = newer(queue, tenant="acme", labels={"team": "red"}, payload=b"body")
        assert (queue.job(job_id).labels, queue.snapshot(job_id).payload) == ({"team": "red"}, b"body")

        [lease] = queue.fetch()
        assert (lease.tenant, lease.payload) == ("acme", b"body")
        assert queue.finish(lease, Retry(ERROR, 5)) is JobState.RETRYING
        queue.now_ms += 5
        [lease] = queue.fetch()
        assert queue.finish(lease, Release(5, "LATER")) is JobState.PENDING
        queue.now_ms += 5
        [lease] = queue.fetch()
        assert queue.finish(lease, Fail(ERROR)) is JobState.FAILED
        assert queue.retry(job_id, "acme").done
        [lease] = queue.fetch()
        assert queue.finish(lease, Succeed()) is JobState.SUCCEEDED

    def test_no_script_drops_what_it_does_not_know(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = newer(queue)
        [lease] = queue.fetch()
        queue.finish(lease, Fail(ERROR))
        queue.retry(job_id)  # rewrites the header
        [lease] = queue.fetch()
        queue.finish(lease, Retry(ERROR, 0, payload=b"{}"))  # rewrites what stands behind it
        assert tuple(header(queue, job_id)[len(HEADER) :]) == ADDED
        assert client.hget(run_key(queue, job_id), "colour") == b"red"

    def test_it_is_listed_expired_cancelled_and_removed_like_any_other(self, client: redis.Redis) -> None:
        queue = Queue(client)
        expiring = newer(queue, ttl_ms=5)
        cancelled = newer(queue)
        assert len(queue.run(jobs.list_jobs(queue.keys)).jobs) == 2
        queue.now_ms += 5
        queue.fetch(0)
        assert queue.state(expiring) is JobState.EXPIRED
        assert queue.cancel(cancelled).done
        assert queue.run(queues.flush(queue.keys)) == 0
        assert client.keys(f"{queue.keys.prefix}*:{cancelled}") == []

    def test_an_error_class_and_a_priority_that_nobody_knows_are_read_as_the_plain_ones(
        self, client: redis.Redis
    ) -> None:
        queue = Queue(client)
        job_id = newer(queue)
        [lease] = queue.fetch()
        queue.finish(lease, Fail(ERROR))
        fields = header(queue, job_id)
        fields[HEADER.index("priority")] = "SOMEDAY"
        rewrite(queue, job_id, fields)
        error = orjson.dumps({"class": "TIRED", "reason": "LATE", "mood": "bad"})
        client.hset(run_key(queue, job_id), "error", error)

        job = queue.job(job_id)
        assert job.priority is Priority.NORMAL
        assert job.error == JobError(ErrorClass.BUG, "LATE")
        assert queue.retry(job_id).done
        assert len(queue.fetch()) == 1

    def test_a_lease_says_which_version_its_record_is_of(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        fields = header(queue, job_id)
        rewrite(queue, job_id, [str(VERSION + 1), *fields[1:]])
        [lease] = queue.fetch()
        assert lease.version == VERSION + 1

    def test_parts_attempts_and_progress_may_say_more(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = newer(queue)
        queue.fetch()
        prefix = queue.keys.prefix
        client.hset(f"{prefix}parts:{job_id}", "tone", b"1\t5\ttext/plain\tcompressed\nwarm")
        client.rpush(f"{prefix}attempts:{job_id}", "1\tw0\t1\t2\tSTOLEN\t\t\tmore\tand more")
        client.hset(run_key(queue, job_id), "progress", orjson.dumps({"fraction": 0.5, "mood": "good"}))

        snapshot = queue.snapshot(job_id)
        assert [(part.name, part.content.data) for part in snapshot.parts] == [("tone", b"warm")]
        assert snapshot.job.progress is not None
        assert snapshot.job.progress.fraction == 0.5
        first, *_ = queue.run(jobs.attempts(queue.keys, job_id))
        assert (first.worker, first.outcome) == ("w0", "STOLEN")


class TestOlderRecords:
    def test_a_job_that_lacks_every_optional_field_goes_its_whole_way(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        # No more than what the first version has written always: up to the most attempts.
        rewrite(queue, job_id, header(queue, job_id)[: HEADER.index("max") + 1])

        job = queue.job(job_id)
        assert (job.conversation_id, job.trace_id, job.batch_id, job.labels) == ("", "", "", {})
        [lease] = queue.fetch()
        assert queue.finish(lease, Fail(ERROR)) is JobState.FAILED
        assert queue.retry(job_id).done
        [lease] = queue.fetch()
        assert queue.finish(lease, Succeed()) is JobState.SUCCEEDED
        assert queue.run(queues.flush(queue.keys)) == 0

    def test_an_error_and_a_usage_that_say_less_are_read(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        queue.finish(lease, Fail(ERROR))
        client.hset(run_key(queue, job_id), mapping={"error": '{"class":"TRANSIENT"}', "usage": "{}"})

        job = queue.job(job_id)
        assert job.error == JobError(ErrorClass.TRANSIENT, "")
        assert job.usage is not None
        assert (job.usage.cpu_ms, job.usage.peak_bytes) == (None, None)


class TestEvents:
    def test_events_of_a_kind_or_state_that_nobody_knows_cost_no_others(self) -> None:
        lines = "\n".join(
            (
                "S\tai-1\t5\t1\tRUNNING\t\t\tmore",
                "Q\tai-1\t6\tsomething new",
                "S\tai-1\t7\t1\tPONDERING\t",
                "",
                "S\tai-2\t\t1\tRUNNING\t",
            )
        )
        entry = {b"1": lines.encode(), b"2": b"of a version to come", b"colour": b"red"}
        assert list(events_of(entry)) == [
            StateChanged(JobId("ai-1"), 5, 1, JobState.RUNNING, None),
            Updated(JobId("ai-1"), 7, 1),
            StateChanged(JobId("ai-2"), 7, 1, JobState.RUNNING, None),
        ]

    def test_a_part_that_an_older_version_has_told_of_stands_in_its_event(self) -> None:
        entry = {b"1": b"R\tai-1\t5\t2\ttone\ttext/plain\tacme", b"data": b"\x00\nfine"}
        content = Content("text/plain", b"\x00\nfine")
        assert list(events_of(entry)) == [PartMade(JobId("ai-1"), 5, 2, "tone", "acme", content)]

    def test_an_entry_that_holds_nothing_known_is_passed_over(self) -> None:
        assert list(events_of({b"2": b"S\tai-1"})) == []


class TestWorkerReports:
    def test_a_report_may_say_more_or_less_than_this_version_does(self, client: redis.Redis) -> None:
        queue = Queue(client)
        report = WorkerReport("w1", "host", 1, "9", ("exports",), 4, 0, 5)
        queue.run(report_worker("test", report))
        [key] = client.keys("*:worker:w1")
        body = orjson.loads(client.get(key) or b"")
        for name in ("loop_lag_ms", "children", "busy_children", "simulates", "retiring"):
            del body[name]
        client.set(key, orjson.dumps({**body, "colour": "red"}))

        _, [read] = queue.run(list_workers("test"))
        assert (read.worker_id, read.loop_lag_ms, read.simulates, read.retiring) == ("w1", 0, "", ())
