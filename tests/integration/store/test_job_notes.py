"""Logs and checkpoints: what an attempt writes beside its outcome, on a real server and the test's clock."""

from __future__ import annotations

import redis

from common.job.log import LINES_KEPT, LogLine, line_of
from common.job.model import ErrorClass, JobError
from common.job.outcome import Fail, Release, Retry, Succeed
from common.store import jobs, queues
from common.store.jobs import Lease, LogPage, NewLine
from support.store import EPOCH_MS, Queue

ERROR = JobError(ErrorClass.TRANSIENT, "AWAY")


def line(text: str) -> LogLine:
    return line_of("INFO", text, {"page": 3}, at_ms=EPOCH_MS)


def write(queue: Queue, lease: Lease, *texts: str, first: int = 1) -> list[bool]:
    lines = [NewLine(lease.member, first + place, line(text)) for place, text in enumerate(texts)]
    written: list[bool] = queue.run(jobs.append_log(queue.keys, lines))
    return written


def read(queue: Queue, job_id: str, *, after: int = 0, want: int = 1_000) -> LogPage:
    page: LogPage = queue.run(jobs.read_log(queue.keys, job_id, after=after, want=want))
    return page


def texts(page: LogPage) -> list[str]:
    return [logged.line.message for logged in page.lines]


class TestLog:
    def test_lines_are_read_in_the_order_in_which_they_were_written(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        assert write(queue, lease, "one", "two") == [True, True]
        assert write(queue, lease, "three", first=3) == [True]

        page = read(queue, job_id)
        assert texts(page) == ["one", "two", "three"]
        assert [logged.sequence for logged in page.lines] == [1, 2, 3]
        assert page.newest == 3
        assert page.lines[0].line == line("one")

    def test_a_job_that_wrote_nothing_has_an_empty_log(self, client: redis.Redis) -> None:
        queue = Queue(client)
        assert read(queue, queue.submit()) == LogPage([], 0)

    def test_a_repeat_after_a_lost_reply_writes_no_line_twice(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        write(queue, lease, "one", "two")
        assert write(queue, lease, "one", "two", "three") == [True, True, True]
        assert texts(read(queue, job_id)) == ["one", "two", "three"]

    def test_a_worker_that_has_lost_its_lease_writes_nothing(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [late] = queue.fetch()
        write(queue, late, "in time")
        queue.now_ms += queue.lease_ms
        [current] = queue.fetch(consumer="c2")
        assert write(queue, late, "late", first=2) == [False]
        assert write(queue, current, "again") == [True]

        page = read(queue, job_id)
        assert [(logged.attempt, logged.line.message) for logged in page.lines] == [
            (1, "in time"),
            (2, "again"),
        ]

    def test_lines_of_several_jobs_go_in_one_call(self, client: redis.Redis) -> None:
        queue = Queue(client)
        ids = [queue.submit(), queue.submit()]
        leases = queue.fetch(2)
        queue.finish(leases[1], Succeed())
        mixed = [NewLine(lease.member, number, line(str(number))) for number in (1, 2) for lease in leases]
        assert queue.run(jobs.append_log(queue.keys, mixed)) == [True, False, True, False]
        assert texts(read(queue, ids[0])) == ["1", "2"]
        assert texts(read(queue, ids[1])) == []

    def test_of_a_long_log_the_newest_lines_are_kept_under_their_numbers(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        for first in range(1, LINES_KEPT + 101, 100):
            write(queue, lease, *(str(first + place) for place in range(100)), first=first)

        page = read(queue, job_id)
        assert len(page.lines) == LINES_KEPT
        assert (page.lines[0].sequence, page.lines[-1].sequence) == (101, LINES_KEPT + 100)
        assert texts(page) == [str(logged.sequence) for logged in page.lines]

    def test_pages_follow_each_other_by_sequence_number(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        for first in range(1, LINES_KEPT + 101, 100):
            write(queue, lease, *(str(first + place) for place in range(100)), first=first)

        seen: list[int] = []
        after = 0
        while lines := read(queue, job_id, after=after, want=99).lines:
            seen += [logged.sequence for logged in lines]
            after = seen[-1]
        assert seen == list(range(101, LINES_KEPT + 101))
        assert read(queue, job_id, after=10_000).lines == []

    def test_a_level_and_a_field_of_a_newer_worker_are_tolerated(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        client.rpush(queue.keys.logs(job_id), f'1\t1\t1\t{EPOCH_MS}\tTRACE\t["hello",{{}},"more"]')
        [logged] = read(queue, job_id).lines
        assert (logged.line.message, logged.line.level) == ("hello", "INFO")

    def test_a_log_is_kept_after_the_end_and_goes_with_its_job(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        write(queue, lease, "one")
        queue.finish(lease, Succeed())
        assert texts(read(queue, job_id)) == ["one"]
        queue.run(queues.flush(queue.keys))
        assert client.exists(queue.keys.logs(job_id)) == 0


class TestCheckpoint:
    def keep(self, queue: Queue, lease: Lease, data: bytes) -> int:
        answer: int = queue.run(jobs.keep_checkpoint(queue.keys, lease.member, data))
        return answer

    def kept(self, queue: Queue, job_id: str) -> bytes | None:
        data: bytes | None = queue.run(jobs.read_checkpoint(queue.keys, job_id))
        return data

    def test_the_last_checkpoint_is_found_by_the_next_attempt(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        assert self.kept(queue, job_id) is None
        [lease] = queue.fetch()
        assert self.keep(queue, lease, b"\x00one") == jobs.HELD
        assert self.keep(queue, lease, b"\xfftwo") == jobs.HELD
        queue.finish(lease, Retry(ERROR, 0))
        queue.fetch()
        assert self.kept(queue, job_id) == b"\xfftwo"

    def test_it_outlives_a_snooze_a_lost_worker_a_failure_and_a_persons_retry(
        self, client: redis.Redis
    ) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        self.keep(queue, lease, b"here")
        queue.finish(lease, Release())
        queue.fetch()
        queue.now_ms += queue.lease_ms
        [lease] = queue.fetch()
        queue.finish(lease, Fail(ERROR))
        assert self.kept(queue, job_id) == b"here"
        assert queue.retry(job_id).done
        assert self.kept(queue, job_id) == b"here"

    def test_it_goes_with_the_spec_for_which_it_was_made(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        self.keep(queue, lease, b"here")
        queue.finish(lease, Fail(ERROR))
        assert queue.run(jobs.retry(queue.keys, job_id, tenant="default", payload=b"{}")).done
        assert self.kept(queue, job_id) is None

    def test_it_goes_with_success(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        self.keep(queue, lease, b"here")
        queue.finish(lease, Succeed())
        assert self.kept(queue, job_id) is None

    def test_it_goes_with_the_success_of_an_attempt_that_made_none(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        self.keep(queue, lease, b"here")
        queue.finish(lease, Retry(ERROR, 0))
        [again] = queue.fetch()
        queue.finish(again, Succeed())
        assert self.kept(queue, job_id) is None

    def test_it_goes_with_the_job(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        self.keep(queue, lease, b"here")
        queue.run(queues.flush(queue.keys))
        assert self.kept(queue, job_id) is None

    def test_a_worker_that_has_lost_its_lease_changes_nothing(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [late] = queue.fetch()
        queue.now_ms += queue.lease_ms
        [current] = queue.fetch(consumer="c2")
        assert self.keep(queue, current, b"current") == jobs.HELD
        assert self.keep(queue, late, b"late") == jobs.LOST
        assert self.kept(queue, job_id) == b"current"

    def test_a_cancelled_job_hears_of_it(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        queue.cancel(job_id)
        assert self.keep(queue, lease, b"here") == jobs.STOP
