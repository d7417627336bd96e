"""Messages of actors whose arguments are in files: they run as others do, and hold no others up."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq import pipeline

from common.broker import JobBroker
from common.errors import FileStoreUnavailable
from common.files.directory import DirectoryStore
from common.files.files import Files
from common.job.states import JobState
from support.broker_jobs import job_of
from support.files import files_in, stored, taken_away
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 20_000
TEXT = "".join(random.Random(1).choices("abcdefgh ", k=200_000))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
def broker(client: redis.Redis, root: Path) -> Iterator[JobBroker]:
    made = JobBroker(client, namespace="contract", lease_ms=2_000, files=files_in(root))
    yield made
    made.close()


def test_an_actor_takes_its_arguments_from_a_file(broker: JobBroker, root: Path) -> None:
    seen: list[tuple[int, str]] = []

    @dramatiq.actor(broker=broker)
    def work(number: int, *, text: str) -> None:
        seen.append((number, text))

    with working(broker):
        sent = [work.send(number % 2, text=TEXT) for number in range(6)]
        broker.join("default", timeout=JOIN_MS)
    assert sorted(seen) == sorted((number % 2, TEXT) for number in range(6))
    assert {job_of(broker, message).state for message in sent} == {JobState.SUCCEEDED}
    assert len(stored(root)) == 2
    assert broker.client.keys("{contract:default}:blob:*") == []


def test_a_job_is_retried_with_its_file(broker: JobBroker, root: Path) -> None:
    """Also where the message comes back with other options, as Dramatiq's own Retries send it."""
    seen: list[str] = []

    class Again(dramatiq.Middleware):
        def after_process_message(
            self, broker: Any, message: Any, *, result: Any = None, exception: Any = None
        ) -> None:
            if exception is not None and len(seen) == 1:
                message.options["again"] = True
                broker.enqueue(message)

    broker.add_middleware(Again(), before=type(broker.middleware[-1]))

    @dramatiq.actor(broker=broker, max_retries=2, min_backoff=0)
    def work(text: str) -> None:
        seen.append(text)
        if len(seen) < 3:
            raise RuntimeError

    with working(broker):
        message = work.send(TEXT)
        broker.join("default", timeout=JOIN_MS)
    assert seen == [TEXT] * 3
    assert job_of(broker, message).state is JobState.SUCCEEDED
    assert len(stored(root)) == 1
    assert broker.client.keys("{contract:default}:blob:*") == []


def test_a_pipeline_hands_large_results_on_by_files(broker: JobBroker, root: Path) -> None:
    seen: list[int] = []

    @dramatiq.actor(broker=broker)
    def double(text: str) -> str:
        return text + text

    @dramatiq.actor(broker=broker)
    def measure(text: str = "") -> None:
        seen.append(len(text))

    with working(broker):
        pipeline([double.message(TEXT), measure.message()], broker=broker).run()
        broker.join("default", timeout=JOIN_MS)
        wait_until(lambda: seen)
    assert seen == [2 * len(TEXT)]
    assert len(stored(root)) == 2


@pytest.mark.parametrize(
    ("harm", "reason"), [("unlink", "ARGUMENTS_MISSING"), ("change", "ARGUMENTS_DAMAGED")]
)
def test_a_job_whose_file_is_lost_fails_and_its_neighbours_run(
    broker: JobBroker, root: Path, harm: str, reason: str
) -> None:
    seen: list[str] = []

    @dramatiq.actor(broker=broker)
    def work(text: str) -> None:
        seen.append(text)

    lost, small, other = work.send(TEXT), work.send("small"), work.send(TEXT[1:])
    [path] = [path for path in stored(root) if path.name.split("-")[0] == digest_of_job(broker, lost)]
    if harm == "unlink":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9] + b"something")
    with working(broker):
        broker.join("default", timeout=JOIN_MS)
    job = job_of(broker, lost)
    assert job.error is not None
    assert (job.state, job.error.reason) == (JobState.FAILED, reason)
    assert str(root) not in str(job.error)
    assert {job_of(broker, message).state for message in (small, other)} == {JobState.SUCCEEDED}
    assert sorted(seen) == sorted(["small", TEXT[1:]])


def digest_of_job(broker: JobBroker, message: dramatiq.Message[Any]) -> str:
    record: bytes = broker.client.get(broker.queues["default"].job(message.options["job_id"]))
    return record.split(b"\x01file ")[1][:64].decode()


def test_while_the_file_store_is_away_its_jobs_wait_unspent(broker: JobBroker, root: Path) -> None:
    seen: list[str] = []

    @dramatiq.actor(broker=broker, max_retries=0)
    def work(text: str) -> None:
        seen.append(text)

    message = work.send(TEXT)
    with taken_away(root), working(broker):
        small = work.send("small")
        wait_until(lambda: job_of(broker, message).wait_reason == "FILE_STORE_UNAVAILABLE")
        wait_until(lambda: job_of(broker, small).state is JobState.SUCCEEDED)
        with pytest.raises(FileStoreUnavailable) as refused:
            work.send(TEXT[1:])
        job = job_of(broker, message)
        assert (job.state, job.spent) == (JobState.PENDING, 0)
        assert "abcd" not in str(refused.value)
    with working(broker):
        wait_until(lambda: job_of(broker, message).state is JobState.SUCCEEDED)
    assert seen == ["small", TEXT]


def test_a_worker_without_the_file_store_leaves_such_jobs_to_others(
    client: redis.Redis, broker: JobBroker
) -> None:
    seen: list[int] = []

    def work(text: str) -> None:
        seen.append(len(text))

    message = dramatiq.actor(broker=broker, actor_name="work")(work).send(TEXT)
    without = JobBroker(client, namespace="contract", lease_ms=2_000)
    dramatiq.actor(broker=without, actor_name="work")(work)
    with working(without):
        wait_until(lambda: job_of(broker, message).wait_reason == "NO_FILE_STORE")
    without.close()
    assert job_of(broker, message).spent == 0
    assert seen == []


class SlowStore(DirectoryStore):
    """A directory that hangs while it is told to, as one over a network may."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.goes_on = threading.Event()
        self.reading = threading.Event()

    def read(self, path: str, most: int) -> bytes:
        self.reading.set()
        self.goes_on.wait(60)
        return super().read(path, most)


def slow_broker(client: redis.Redis, store: SlowStore, *, timeout_ms: int) -> JobBroker:
    files = Files(store, from_bytes=1_000, timeout_ms=timeout_ms)
    return JobBroker(client, namespace="slow", lease_ms=2_000, files=files)


def test_small_jobs_do_not_wait_for_files_that_are_read(client: redis.Redis, root: Path) -> None:
    store = SlowStore(root)
    broker = slow_broker(client, store, timeout_ms=30_000)
    seen: list[int] = []

    @dramatiq.actor(broker=broker)
    def work(text: str) -> None:
        seen.append(len(text))

    work.send(TEXT)
    with working(broker, threads=2):
        assert store.reading.wait(20)
        for _ in range(5):
            work.send("small")
        wait_until(lambda: seen == [5] * 5)
        store.goes_on.set()
        broker.join("default", timeout=JOIN_MS)
    assert seen[5:] == [len(TEXT)]
    broker.close()


def test_a_directory_that_hangs_costs_a_bounded_time(client: redis.Redis, root: Path) -> None:
    store = SlowStore(root)
    broker = slow_broker(client, store, timeout_ms=100)

    @dramatiq.actor(broker=broker, max_retries=0)
    def work(text: str) -> None: ...

    message = work.send(TEXT)
    with working(broker):
        wait_until(lambda: job_of(broker, message).wait_reason == "FILE_STORE_UNAVAILABLE")
        assert job_of(broker, message).spent == 0
        store.goes_on.set()
        wait_until(lambda: job_of(broker, message).state is JobState.SUCCEEDED)
    broker.close()


def test_a_worker_that_stops_gives_back_what_it_reads(client: redis.Redis, root: Path) -> None:
    store = SlowStore(root)
    broker = slow_broker(client, store, timeout_ms=30_000)
    seen: list[int] = []

    @dramatiq.actor(broker=broker)
    def work(text: str) -> None:
        seen.append(len(text))

    message = work.send(TEXT)
    with working(broker):
        assert store.reading.wait(20)
    job = job_of(broker, message)
    assert (job.state, job.wait_reason, job.spent) == (JobState.PENDING, "WORKER_STOPPED", 0)
    store.goes_on.set()
    with working(broker):
        wait_until(lambda: seen == [len(TEXT)])
    broker.close()


def test_messages_are_taken_by_hand_as_ever(broker: JobBroker) -> None:
    @dramatiq.actor(broker=broker)
    def work(text: str) -> None: ...

    work.send(TEXT)
    consumer = broker.consume("default", timeout=100)
    message = wait_until(lambda: next(consumer))
    assert message is not None
    assert message.args == (TEXT,)
    consumer.ack(message)
    broker.join("default", timeout=JOIN_MS)
    consumer.close()
