"""What jobs share of large messages is stored once, compressed, and goes with the last of them."""

from __future__ import annotations

import random
import string
from typing import Any

import dramatiq
import orjson
import pytest
import redis

from common.errors import InvalidField
from common.job.ids import JobId
from common.job.model import Content, ErrorClass, JobError
from common.job.outcome import Fail, Retry, Succeed
from common.job.states import JobState
from common.store import jobs, queues
from common.store.packing import LARGE_BYTES, MESSAGE_BYTES, compressed, expanded, packed, unpacked
from common.store.record import VERSION
from support.store import Queue

ERROR = JobError(ErrorClass.BUG, "TEST")
TEXT = "What was said. " * 20_000
OTHER = "What else was said. " * 20_000


def message(text: str, number: int = 0) -> bytes:
    return dramatiq.Message("q", "work", (text,), {"n": 1}, {"tenant": "a"}, f"id-{number}", number).encode()


def named(queue: Queue, pattern: str) -> list[bytes]:
    where: dict[str, Any] = (
        {"target_nodes": "primaries"} if isinstance(queue.client, redis.RedisCluster) else {}
    )
    found: Any = queue.client.keys(f"{queue.keys.prefix}{pattern}", **where)
    return sorted(found)


def record(queue: Queue, job_id: str) -> bytes:
    stored: Any = queue.client.get(queue.keys.job(job_id))
    return bytes(stored)


def blobs(queue: Queue) -> list[bytes]:
    return named(queue, "blob:*")


def holders(queue: Queue) -> list[int]:
    return sorted(queue.client.scard(key) for key in named(queue, "holders:*"))


def leftovers(queue: Queue) -> list[bytes]:
    """Return what there is of shared messages."""
    return [key for name in ("blob:*", "holders:*", "blobs") for key in named(queue, name)]


def test_jobs_of_one_content_share_it(client: redis.Redis) -> None:
    queue = Queue(client)
    ids = [queue.submit(payload=message(TEXT, i)) for i in range(10)]
    assert len(blobs(queue)) == 1
    assert holders(queue) == [10]
    # Compressed, and little of it is in the jobs' own records.
    assert client.strlen(blobs(queue)[0]) < len(TEXT) / 10
    assert all(client.strlen(queue.keys.job(job_id)) < 500 for job_id in ids)
    assert [queue.snapshot(job_id).payload for job_id in ids] == [message(TEXT, i) for i in range(10)]
    assert [unpacked(lease.payload) for lease in queue.fetch(10)] == [message(TEXT, i) for i in range(10)]


def test_a_fetch_that_is_repeated_brings_the_message_again(client: redis.Redis) -> None:
    queue = Queue(client)
    queue.submit(payload=message(TEXT))
    [first] = queue.fetch(number=1)
    [again] = queue.fetch(number=1)
    assert unpacked(again.payload) == unpacked(first.payload) == message(TEXT)


def test_tenants_share_nothing_and_neither_do_other_contents(client: redis.Redis) -> None:
    queue = Queue(client)
    queue.submit(payload=message(TEXT), tenant="a")
    queue.submit(payload=message(TEXT), tenant="b")
    queue.submit(payload=message(OTHER), tenant="b")
    assert len(blobs(queue)) == 3
    assert holders(queue) == [1, 1, 1]


def test_a_small_message_stands_in_its_record_as_ever(client: redis.Redis) -> None:
    queue = Queue(client)
    padding = LARGE_BYTES - len(message(""))
    job_id = queue.submit(payload=message("x" * padding))
    assert leftovers(queue) == []
    assert record(queue, job_id).startswith(b"1\t")
    assert record(queue, job_id).endswith(b"\n" + message("x" * padding))


def test_content_goes_with_the_last_job_that_shares_it(client: redis.Redis) -> None:
    queue = Queue(client)
    first, second = (queue.submit(payload=message(TEXT, i)) for i in range(2))
    for lease in queue.fetch(2):
        queue.finish(lease, Succeed())
    queue.delete(first)
    assert queue.snapshot(second).payload == message(TEXT, 1)
    queue.delete(second)
    assert leftovers(queue) == []


def test_retention_and_a_flush_let_go_as_a_delete_does(client: redis.Redis) -> None:
    queue = Queue(client)
    queue.configure(**{"keep:SUCCEEDED": "0/0"})
    queue.submit(payload=message(TEXT))
    [lease] = queue.fetch()
    queue.finish(lease, Succeed())
    assert leftovers(queue) == []
    queue.submit(payload=message(OTHER))
    queue.run(queues.flush(queue.keys))
    assert leftovers(queue) == []


def test_a_refused_job_leaves_nothing(client: redis.Redis) -> None:
    queue = Queue(client)
    queue.configure(depth="1")
    queue.submit()
    [outcome] = queue.submit_all([queue.request(payload=message(TEXT))])
    assert isinstance(outcome, jobs.Full)
    assert leftovers(queue) == []


def test_a_repeated_submit_shares_once(client: redis.Redis) -> None:
    queue = Queue(client)
    request = queue.request(payload=message(TEXT))
    queue.submit_all([request])
    queue.submit_all([request])
    assert holders(queue) == [1]


def test_a_retry_with_another_spec_keeps_both_until_the_job_goes(client: redis.Redis) -> None:
    queue = Queue(client)
    job_id = queue.submit(payload=message(TEXT))
    [lease] = queue.fetch()
    queue.finish(lease, Fail(ERROR))
    assert queue.run(jobs.retry(queue.keys, job_id, tenant="default", payload=message(OTHER))).done
    snapshot = queue.snapshot(job_id)
    assert (snapshot.payload, snapshot.former) == (message(OTHER), (message(TEXT),))
    assert holders(queue) == [1, 1]
    [lease] = queue.fetch()
    assert unpacked(lease.payload) == message(OTHER)
    queue.finish(lease, Succeed())
    queue.delete(job_id)
    assert leftovers(queue) == []


def test_a_small_job_may_become_large_and_small_again(client: redis.Redis) -> None:
    queue = Queue(client)
    job_id = queue.submit(payload=b"small")
    for payload in (message(TEXT), b"small again"):
        [lease] = queue.fetch()
        queue.finish(lease, Retry(ERROR, 0, payload=packed(payload, "default")))
        queue.run(queues.sweep(queue.keys, now_ms=queue.now_ms))
        assert queue.snapshot(job_id).payload == payload
    assert leftovers(queue) == []


def test_an_attempt_that_changes_its_message_shares_the_same_arguments(client: redis.Redis) -> None:
    """Middleware of Dramatiq counts retries in the message's options."""
    queue = Queue(client)
    job_id = queue.submit(payload=message(TEXT, 1))
    shared = blobs(queue)
    [lease] = queue.fetch()
    queue.finish(lease, Retry(ERROR, 0, payload=packed(message(TEXT, 2), "default")))
    assert (blobs(queue), holders(queue)) == (shared, [1])
    assert queue.snapshot(job_id).payload == message(TEXT, 2)


def test_an_older_worker_is_told_to_leave_it_to_newer_ones(client: redis.Redis) -> None:
    """What it reads is a record of version 2, which it releases; see decision 6."""
    queue = Queue(client)
    queue.submit(payload=message(TEXT))
    [lease] = queue.fetch()
    assert lease.version == 2 <= VERSION
    queue.submit(payload=b"small")
    [lease] = queue.fetch()
    assert lease.version == 1


def test_what_an_older_version_leaves_is_swept(client: redis.Redis) -> None:
    """It removes a job without letting go of what the job shares."""
    queue = Queue(client)
    gone, held = (queue.submit(payload=message(text)) for text in (TEXT, OTHER))
    client.delete(queue.keys.job(gone))
    queue.run(queues.sweep(queue.keys, now_ms=queue.now_ms))
    assert len(blobs(queue)) == 2
    queue.now_ms += 600_000
    queue.run(queues.sweep(queue.keys, now_ms=queue.now_ms))
    assert len(blobs(queue)) == 1
    assert queue.snapshot(held).payload == message(OTHER)


def test_content_that_was_lost_costs_its_job_and_no_other(client: redis.Redis) -> None:
    queue = Queue(client)
    queue.submit(payload=message(TEXT))
    client.delete(*blobs(queue))
    queue.submit(payload=b"small")
    lost, small = queue.fetch(2)
    assert lost.payload.startswith(b"\x01zlib ")
    assert small.payload == b"small"


def test_a_message_is_refused_over_8_mib(client: redis.Redis) -> None:
    queue = Queue(client)
    letters = random.Random(7).choices(string.ascii_letters, k=MESSAGE_BYTES - len(message("")))
    largest = message("".join(letters))
    job_id = queue.submit(payload=largest)
    assert queue.snapshot(job_id).payload == largest
    with pytest.raises(InvalidField) as refused:
        queue.submit(payload=largest + b" ")
    assert refused.value.field == "spec"


@pytest.mark.parametrize(
    "payload",
    [
        b"\x80\x05pickled" + bytes(range(256)) * 400,
        orjson.dumps({"args": [TEXT], "options": {"options": {"options": {}}}}),
        b'{"a":1,"args":[],"kwargs":{},"options":{"x":"' + b"y" * 100_000 + b'"}}',
        b'{"a":1,"options":{},"args":[' + b"1," * 50_000 + b"1]}",
        # What looks packed and is not is packed, however small it is.
        b"\x01zlib 00 5 0 0\nhello",
    ],
)
def test_any_bytes_come_back_as_they_were(client: redis.Redis, payload: bytes) -> None:
    queue = Queue(client)
    job_id = queue.submit(payload=payload)
    [lease] = queue.fetch()
    assert unpacked(lease.payload) == queue.snapshot(job_id).payload == payload


@pytest.mark.parametrize(
    "damaged",
    [
        b"\x01zlib",
        b"\x01zlib \n",
        b"\x01zlib ab 5 0 0\nnonsense",
        b"\x01zlib ab 99999999999 0 0\n" + packed(message(TEXT), "a").split(b"\n", 1)[1],
        b"\x01zlib ab -1 0 0\n",
        b"\x01zlib ab 1 2\n",
    ],
)
def test_what_cannot_be_unpacked_is_left_as_it_is(damaged: bytes) -> None:
    assert unpacked(damaged) == damaged


@pytest.mark.parametrize("data", [b"", b"short", TEXT.encode(), random.Random(3).randbytes(100_000)])
def test_a_result_comes_back_as_it_was(client: redis.Redis, data: bytes) -> None:
    queue = Queue(client)
    job_id = queue.submit()
    [lease] = queue.fetch()
    queue.finish(lease, Succeed(compressed(Content("text/plain", data))))
    assert queue.snapshot(job_id).result == Content("text/plain", data)


@pytest.mark.parametrize("data", [b"", b"nonsense", compressed(Content("", TEXT.encode())).data[:-3]])
def test_a_result_that_cannot_be_expanded_is_left_as_it_is(data: bytes) -> None:
    damaged = Content("text/plain; coding=zlib", data)
    assert expanded(damaged) == damaged


def test_a_job_that_ends_is_final_with_what_it_shares(client: redis.Redis) -> None:
    queue = Queue(client)
    job_id: JobId = queue.submit(payload=message(TEXT))
    [lease] = queue.fetch()
    queue.finish(lease, Succeed())
    assert queue.state(job_id) is JobState.SUCCEEDED
    assert queue.snapshot(job_id).payload == message(TEXT)
