"""What a plain actor may ask of the job that it runs: log, checkpoint, snooze, and the time that is left."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import dramatiq
import pytest
import redis

from bothsides_stack.embedded import EmbeddedServer
from common.broker import JobBroker, RunningJob, StopReason, current_job
from common.broker.overdue import overdue, tell_overdue
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass, Job
from common.job.states import JobState
from common.store import jobs
from common.store.jobs import LoggedLine
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 20_000


@pytest.fixture
def broker(client: redis.Redis) -> Iterator[JobBroker]:
    made = JobBroker(client, namespace="notes", lease_ms=1_000, timeout_ms=60_000)
    yield made
    made.close()


def this_job() -> RunningJob:
    job = current_job()
    assert job is not None
    return job


def job_of(broker: JobBroker, message: dramatiq.Message[object]) -> Job:
    return job_of_id(broker, message.options["job_id"])


def job_of_id(broker: JobBroker, job_id: str) -> Job:
    read = broker.runner.run(jobs.get(broker.queues["default"], job_id))
    assert read is not None
    return read.job


def log_of(broker: JobBroker, message: dramatiq.Message[object]) -> list[LoggedLine]:
    page = broker.runner.run(jobs.read_log(broker.queues["default"], message.options["job_id"], want=1_000))
    return page.lines


class TestLog:
    def test_sync_and_async_actors_log_in_order_until_their_very_end(self, broker: JobBroker) -> None:
        @dramatiq.actor(broker=broker)
        def on_a_thread() -> None:
            for number in range(50):
                this_job().log("INFO", "Step", number=number)

        @dramatiq.actor(broker=broker)
        async def as_a_coroutine() -> None:
            for number in range(50):
                this_job().log("INFO", "Step", number=number)
                await asyncio.sleep(0)

        with working(broker):
            sent = [on_a_thread.send(), as_a_coroutine.send()]
            broker.join("default", timeout=JOIN_MS)
        for message in sent:
            assert [logged.line.fields["number"] for logged in log_of(broker, message)] == list(range(50))

    def test_the_lines_of_all_attempts_stand_in_one_log(self, broker: JobBroker) -> None:
        @dramatiq.actor(broker=broker, max_retries=1, min_backoff=1, max_backoff=1)
        def twice() -> None:
            job = this_job()
            job.log("WARNING", "Trying")
            if job.attempt == 1:
                raise LookupError

        with working(broker):
            message = twice.send()
            broker.join("default", timeout=JOIN_MS)
        assert [(logged.attempt, logged.sequence) for logged in log_of(broker, message)] == [(1, 1), (2, 2)]

    def test_it_says_once_that_the_attempt_runs_past_its_time_limit(
        self, broker: JobBroker, caplog: pytest.LogCaptureFixture
    ) -> None:
        gate = threading.Event()

        @dramatiq.actor(broker=broker, timeout_ms=50, interruptible=False)
        def dawdle() -> None:
            gate.wait(20)

        with working(broker):
            message = dawdle.send()
            wait_until(lambda: overdue(broker.running_jobs(), after_ms=100))
            for _ in range(2):
                tell_overdue(broker.running_jobs(), after_ms=100)
            gate.set()
            broker.join("default", timeout=JOIN_MS)
        [logged] = log_of(broker, message)
        assert (logged.line.level, logged.line.fields) == ("WARNING", {"actor": "dawdle"})
        assert [record.name for record in caplog.records if "cannot be stopped" in record.message] == [
            "common.broker.overdue"
        ]
        # It could not be stopped, and what it did counts.
        assert job_of(broker, message).state is JobState.SUCCEEDED

    def test_personal_data_does_not_leave_the_process(self, broker: JobBroker, client: redis.Redis) -> None:
        @dramatiq.actor(broker=broker)
        def careless() -> None:
            this_job().log(
                "INFO", "Asked jane@mail.example", at="https://host/?token=abc", number="+49 30 901820"
            )

        with working(broker):
            message = careless.send()
            broker.join("default", timeout=JOIN_MS)
        [raw] = client.lrange(broker.queues["default"].logs(message.options["job_id"]), 0, -1)
        assert b"[EMAIL]" in raw
        assert not any(private in raw for private in (b"jane", b"abc", b"901820"))

    def test_a_store_that_is_away_holds_no_job_up_and_gets_the_newest_lines_when_it_is_back(self) -> None:
        with (
            EmbeddedServer(fsync="always") as server,
            redis.Redis.from_url(server.url, protocol=2) as client,
        ):
            broker = JobBroker(client, namespace="notes", lease_ms=60_000)
            begun, go_on, through = threading.Event(), threading.Event(), threading.Event()

            @dramatiq.actor(broker=broker)
            def talkative() -> None:
                begun.set()
                go_on.wait(20)
                for number in range(2_000):
                    this_job().log("INFO", "Step", number=number)
                through.set()

            with working(broker):
                message = talkative.send()
                assert begun.wait(10)
                server.kill()
                go_on.set()
                assert through.wait(10)
                server.restart()
                wait_until(
                    lambda: [line.line.fields["number"] for line in log_of(broker, message)][-1:] == [1_999]
                )
                assert len(log_of(broker, message)) <= 500


class TestWhatPeopleSee:
    """Stages and errors are shown to those who may not read payloads."""

    def test_personal_data_is_masked_in_stages_and_errors_and_both_are_bounded(
        self, broker: JobBroker
    ) -> None:
        @dramatiq.actor(broker=broker, max_retries=0)
        def careless() -> None:
            this_job().report(0.5, "Asking jane@mail.example" + "!" * 500)
            raise AttemptFailed(
                ErrorClass.INVALID_INPUT,
                "NO_ANSWER",
                "jane@mail.example does not answer" + "!" * 5_000,
                suggestion="call +49 30 901820\nor wait",
            )

        with working(broker):
            message = careless.send()
            broker.join("default", timeout=JOIN_MS)
        job = job_of(broker, message)
        assert job.progress is not None
        assert job.progress.stage == "Asking [EMAIL]" + "!" * 185 + "…"
        assert job.error is not None
        assert job.error.message == "[EMAIL] does not answer" + "!" * 976 + "…"
        assert job.error.suggestion == "call [PHONE] or wait"


class TestCheckpoint:
    def test_a_later_attempt_goes_on_where_the_last_one_stood(self, broker: JobBroker) -> None:
        done: list[int] = []

        @dramatiq.actor(broker=broker, max_retries=3, min_backoff=1, max_backoff=1)
        def in_steps() -> None:
            job = this_job()
            first = int(job.restore() or b"0")
            for step in range(first, 6):
                done.append(step)
                assert job.checkpoint(b"%d" % (step + 1)).result(10)
                if step % 2:
                    raise LookupError

        with working(broker):
            message = in_steps.send()
            broker.join("default", timeout=JOIN_MS)
        assert done == [0, 1, 2, 3, 4, 5]
        assert job_of(broker, message).state is JobState.SUCCEEDED
        assert (
            broker.runner.run(jobs.read_checkpoint(broker.queues["default"], message.options["job_id"]))
            is None
        )

    def test_a_coroutine_waits_for_it_without_holding_the_loop_up(self, broker: JobBroker) -> None:
        kept: list[bool] = []
        found: list[bytes | None] = []

        @dramatiq.actor(broker=broker)
        async def note() -> None:
            job = this_job()
            kept.append(await asyncio.wrap_future(job.checkpoint(b"here")))
            found.append(job.restore())

        with working(broker):
            note.send()
            broker.join("default", timeout=JOIN_MS)
        assert (kept, found) == ([True], [b"here"])

    def test_of_many_in_a_row_the_last_one_counts_and_all_who_wait_are_told(self, broker: JobBroker) -> None:
        @dramatiq.actor(broker=broker, max_retries=0)
        def hasty() -> None:
            told = [this_job().checkpoint(b"%d" % number) for number in range(1_000)]
            assert all(future.result(10) for future in told)
            raise LookupError

        with working(broker):
            message = hasty.send()
            broker.join("default", timeout=JOIN_MS)
        data = broker.runner.run(jobs.read_checkpoint(broker.queues["default"], message.options["job_id"]))
        assert data == b"999"

    def test_one_that_is_too_large_is_refused_with_the_way_out(self, broker: JobBroker) -> None:
        @dramatiq.actor(broker=broker, max_retries=0)
        def greedy() -> None:
            this_job().checkpoint(bytes(jobs.CHECKPOINT_BYTES))
            this_job().checkpoint(bytes(jobs.CHECKPOINT_BYTES + 1))

        with working(broker):
            message = greedy.send()
            broker.join("default", timeout=JOIN_MS)
        error = job_of(broker, message).error
        assert error is not None
        assert (error.error_class, error.reason) == (ErrorClass.BUG, "CHECKPOINT_TOO_LARGE")
        assert "keep the place" in error.suggestion

    def test_an_attempt_whose_lease_is_lost_is_told_that_nothing_is_kept(self, broker: JobBroker) -> None:
        told: list[bool] = []

        @dramatiq.actor(broker=broker, interruptible=False)
        def late() -> None:
            job = this_job()
            broker.flush("default")  # as if another worker had taken and finished it
            told.append(job.checkpoint(b"late").result(10))
            told.append(job.stop_reason is StopReason.LOST)

        with working(broker):
            late.send()
            wait_until(lambda: len(told) == 2)
        assert told == [False, True]

    def test_a_full_store_keeps_none_and_fails_no_job(self, caplog: pytest.LogCaptureFixture) -> None:
        with EmbeddedServer() as server, redis.Redis.from_url(server.url, protocol=2) as client:
            broker = JobBroker(client, namespace="notes")
            told: list[bool] = []

            @dramatiq.actor(broker=broker)
            def note() -> None:
                client.config_set("maxmemory", 1)
                this_job().log("INFO", "Nobody will read this")
                told.append(this_job().checkpoint(b"here").result(10))

            with working(broker), caplog.at_level(logging.WARNING):
                message = note.send()
                wait_until(lambda: job_of(broker, message).state.is_final)
            assert told == [False]
            assert job_of(broker, message).state is JobState.SUCCEEDED
            assert "log lines of jobs were dropped" in caplog.text

    def test_a_store_that_does_not_answer_is_a_transient_failure_of_who_restores(self) -> None:
        with EmbeddedServer() as server, redis.Redis.from_url(server.url, protocol=2) as client:
            broker = JobBroker(client, namespace="notes", lease_ms=60_000)
            caught: list[ErrorClass] = []

            @dramatiq.actor(broker=broker)
            def ask() -> None:
                server.kill()
                try:
                    this_job().restore()
                except AttemptFailed as failure:
                    caught.append(failure.error_class)
                server.restart()

            with working(broker):
                ask.send()
                wait_until(lambda: caught == [ErrorClass.TRANSIENT])


class TestSnooze:
    @pytest.mark.parametrize("is_async", [False, True])
    def test_a_snoozed_job_waits_unspent(
        self, broker: JobBroker, is_async: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        def snooze() -> None:
            this_job().snooze(3_600_000, "SOURCE_NOT_READY")

        async def snooze_later() -> None:
            await asyncio.sleep(0)
            this_job().snooze(3_600_000, "SOURCE_NOT_READY")

        actor = dramatiq.actor(broker=broker, actor_name="wait")(snooze_later if is_async else snooze)
        with working(broker), caplog.at_level(logging.ERROR):
            message = actor.send()
            wait_until(
                lambda: (job := job_of(broker, message)).attempt == 1 and job.state is JobState.PENDING
            )
        job = job_of(broker, message)
        assert (job.spent, job.wait_reason) == (0, "SOURCE_NOT_READY")
        assert job.run_at_ms is not None
        assert job.run_at_ms - job.updated_ms == 3_600_000
        assert caplog.records == []

    @pytest.mark.parametrize(
        ("delay_ms", "reason", "named"),
        [(-1, "LATER", "delay_ms"), (2**40, "LATER", "delay_ms"), (0, "she said so", "reason")],
    )
    def test_a_delay_or_reason_that_makes_no_sense_is_refused_by_name(
        self, broker: JobBroker, delay_ms: int, reason: str, named: str
    ) -> None:
        refused: list[str] = []

        @dramatiq.actor(broker=broker)
        def wrong() -> None:
            with pytest.raises(ValueError) as caught:
                this_job().snooze(delay_ms, reason)
            refused.append(str(caught.value))

        with working(broker):
            message = wrong.send()
            broker.join("default", timeout=JOIN_MS)
        assert refused[0].startswith(named)
        assert job_of(broker, message).state is JobState.SUCCEEDED


def burn(seconds: float) -> None:
    """Keep this thread's processor busy for so long."""
    began_s = time.thread_time()
    while time.thread_time() - began_s < seconds:
        sum(range(1_000))


class TestUsage:
    """Processor time is that of the attempt alone, whoever else is busy meanwhile."""

    def run(self, broker: JobBroker, *work: Callable[[], Any]) -> list[int]:
        """Run actors side by side; return the processor time (ms) of each."""
        ran: dict[str, RunningJob] = {}

        def on_its_way(fn: Callable[[], Any]) -> Callable[[], Any]:
            def sync() -> None:
                ran[fn.__name__] = this_job()
                fn()

            async def coroutine() -> None:
                ran[fn.__name__] = this_job()
                await fn()

            return coroutine if asyncio.iscoroutinefunction(fn) else sync

        actors = [
            dramatiq.actor(broker=broker, actor_name=f"{fn.__name__}-{place}")(on_its_way(fn))
            for place, fn in enumerate(work)
        ]
        with working(broker):
            for actor in actors:
                actor.send()
            broker.join("default", timeout=JOIN_MS)
        usages = [ran[fn.__name__].usage for fn in work]
        # And the record says so.
        assert usages == [job_of_id(broker, ran[fn.__name__].job_id).usage for fn in work]
        assert all(usage is not None and usage.peak_bytes is None for usage in usages)
        return [usage.cpu_ms or 0 for usage in usages if usage is not None]

    def test_a_thread_is_measured_apart_from_its_neighbours(self, broker: JobBroker) -> None:
        def busy() -> None:
            burn(0.3)

        def hardly() -> None:
            burn(0.01)
            time.sleep(0.3)

        most, least = self.run(broker, busy, hardly)
        assert 300 <= most < 600
        assert 10 <= least < 150

    def test_a_coroutine_is_measured_by_its_own_steps(self, broker: JobBroker) -> None:
        async def busy() -> None:
            for _ in range(30):
                burn(0.01)
                await asyncio.sleep(0)

        async def hardly() -> None:
            burn(0.01)
            await asyncio.sleep(0.3)

        most, least = self.run(broker, busy, hardly)
        assert 300 <= most < 600
        assert 10 <= least < 150

    def test_what_a_coroutine_starts_counts_as_its_own(self, broker: JobBroker) -> None:
        async def step() -> None:
            await asyncio.sleep(0)
            burn(0.05)

        async def parent() -> None:
            await asyncio.gather(step(), step())
            await asyncio.to_thread(burn, 0.1)
            async with asyncio.TaskGroup() as group:
                group.create_task(step())

        [used] = self.run(broker, parent)
        assert 250 <= used < 500

    def test_a_coroutine_that_fails_or_is_stopped_has_used_what_it_did(self, broker: JobBroker) -> None:
        ran: list[RunningJob] = []

        @dramatiq.actor(broker=broker, max_retries=0, timeout_ms=500)
        async def too_long() -> None:
            ran.append(this_job())
            burn(0.1)
            try:
                await asyncio.sleep(60)
            finally:
                burn(0.1)

        with working(broker):
            message = too_long.send()
            broker.join("default", timeout=JOIN_MS)
        error = job_of(broker, message).error
        assert error is not None
        assert error.error_class is ErrorClass.TIMEOUT
        usage = ran[0].usage
        assert usage is not None
        assert (usage.cpu_ms or 0) >= 200

    def test_jobs_of_less_than_a_millisecond_are_not_measured(self, broker: JobBroker) -> None:
        ran: list[RunningJob] = []

        @dramatiq.actor(broker=broker)
        def short() -> None:
            ran.append(this_job())

        with working(broker, threads=1):
            for _ in range(50):
                short.send()
            broker.join("default", timeout=JOIN_MS)
        assert ran[-1].usage is None


class TestTime:
    @pytest.mark.parametrize(("own_ms", "limit_ms"), [(5_000, 5_000), (None, 60_000)])
    def test_the_time_left_counts_by_the_jobs_own_limit_or_the_workers(
        self, broker: JobBroker, own_ms: int | None, limit_ms: int
    ) -> None:
        seen: list[tuple[int, int, int]] = []

        @dramatiq.actor(broker=broker)
        def look() -> None:
            job = this_job()
            seen.append((job.remaining_ms, job.deadline_ms, time.time_ns() // 1_000_000))
            job.started_s -= 2 * limit_ms / 1000  # as if it had run for twice as long as it may
            seen.append((job.remaining_ms, job.deadline_ms, time.time_ns() // 1_000_000))

        with working(broker):
            look.send_with_options(timeout_ms=own_ms)
            broker.join("default", timeout=JOIN_MS)
        (left_ms, deadline_ms, now_ms), (none_left_ms, passed_ms, later_ms) = seen
        assert 0 < left_ms <= limit_ms
        assert now_ms < deadline_ms <= now_ms + limit_ms
        assert none_left_ms == 0
        assert passed_ms <= later_ms
