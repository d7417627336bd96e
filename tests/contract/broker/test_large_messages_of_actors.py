"""Messages of any size that Dramatiq's actors send: over 64 KiB they are kept apart, and nobody notices."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq import pipeline
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.encoder import PickleEncoder
from dramatiq.errors import ConnectionClosed

from common.broker import JobBroker
from common.errors import InvalidField
from common.job.states import JobState
from common.store import jobs
from common.store.packing import MESSAGE_BYTES
from common.store.scripts import script
from support.broker_jobs import all_jobs, job_of
from support.proxy import LossyProxy
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 20_000
TEXT = "What was said. " * 14_000


def shared(broker: JobBroker) -> list[bytes]:
    return list(broker.client.keys(f"{broker.queues['default'].prefix}blob:*"))


def taken(consumer: Consumer) -> MessageProxy:
    """Return the consumer's next message."""
    message = wait_until(lambda: next(consumer))
    assert message is not None
    return message


def test_an_actor_takes_200_kb_of_arguments(broker: JobBroker) -> None:
    seen: list[tuple[int, str]] = []

    @dramatiq.actor(broker=broker)
    def work(number: int, *, text: str) -> None:
        seen.append((number, text))

    with working(broker):
        sent = [work.send(number, text=TEXT) for number in range(3)]
        broker.join("default", timeout=JOIN_MS)
    assert sorted(seen) == [(number, TEXT) for number in range(3)]
    assert {job_of(broker, message).state for message in sent} == {JobState.SUCCEEDED}


def test_messages_with_the_same_arguments_share_them(broker: JobBroker) -> None:
    @dramatiq.actor(broker=broker)
    def work(text: str) -> None: ...

    for _ in range(5):
        work.send(TEXT)
    assert len(shared(broker)) == 1
    work.send(TEXT + "!")
    assert len(shared(broker)) == 2


def test_a_large_message_is_retried_with_what_it_was_sent_with(broker: JobBroker) -> None:
    seen: list[str] = []

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


def test_a_large_message_that_sends_itself_again_is_one_job(broker: JobBroker) -> None:
    """As Dramatiq's own Retries do: the message comes back with other options, and as large."""
    seen: list[dict[str, Any]] = []

    class Again(dramatiq.Middleware):
        def after_process_message(
            self, broker: Any, message: Any, *, result: Any = None, exception: Any = None
        ) -> None:
            if exception is not None:
                message.options["again"] = True
                broker.enqueue(message)

    broker.add_middleware(Again(), before=type(broker.middleware[-1]))

    @dramatiq.actor(broker=broker)
    def work(text: str) -> None:
        assert text == TEXT
        current = dramatiq.middleware.CurrentMessage.get_current_message()
        assert current is not None
        seen.append(dict(current.options))
        if len(seen) == 1:
            raise RuntimeError

    with working(broker):
        work.send(TEXT)
        broker.join("default", timeout=JOIN_MS)
    assert [options.get("again", False) for options in seen] == [False, True]
    assert len(shared(broker)) == 1


def test_a_pipeline_hands_large_results_on(broker: JobBroker) -> None:
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
    assert seen == [2 * len(TEXT)]


def test_a_large_result_is_kept_compressed_where_that_is_set(client: redis.Redis) -> None:
    kept: dict[bool, int] = {}
    for compresses in (False, True):
        broker = JobBroker(client, namespace=f"results-{compresses}", compress_results=compresses)

        @dramatiq.actor(broker=broker)
        def repeat(text: str) -> str:
            return text

        with working(broker):
            sent = [repeat.send(text) for text in (TEXT, "short")]
            broker.join("default", timeout=JOIN_MS)
        keys = broker.queues["default"]
        results = [
            snapshot.result
            for message in sent
            if (snapshot := broker.run(jobs.get(keys, message.options["job_id"], full=True))) is not None
        ]
        assert [json.loads(result.data) for result in results] == [TEXT, "short"]
        assert {result.media_type for result in results} == {"application/json"}
        kept[compresses] = client.hstrlen(f"{keys.prefix}result:{sent[0].options['job_id']}", "data")
        broker.close()
    assert kept[False] == len(TEXT) + 2
    assert kept[True] < kept[False] / 10


def test_another_encoders_messages_come_back_as_well(broker: JobBroker) -> None:
    seen: list[bytes] = []

    @dramatiq.actor(broker=broker)
    def work(data: bytes) -> None:
        seen.append(data)

    before = dramatiq.get_encoder()
    dramatiq.set_encoder(PickleEncoder())
    try:
        with working(broker):
            work.send(bytes(range(256)) * 1_000)
            broker.join("default", timeout=JOIN_MS)
    finally:
        dramatiq.set_encoder(before)
    assert seen == [bytes(range(256)) * 1_000]


def test_no_more_is_unpacked_ahead_of_the_threads_than_there_is_room_for(broker: JobBroker) -> None:
    """Jobs that share 7 MiB take that in the store, and as much each once they are unpacked."""

    @dramatiq.actor(broker=broker)
    def work(text: str) -> None: ...

    # Given one thread, jobs so short that hundreds are leased ahead of it, and then ten large ones
    broker.use_slots(1)
    for _ in range(10):
        broker.slots.pace("default").note(0.0001)
    sent = [work.send("x" * (7 * 2**20)) for _ in range(10)]

    # When a consumer fetches, Then it keeps what fits into 32 MiB, and the others wait
    consumer = broker.consume("default", timeout=100)
    first = taken(consumer)
    wait_until(lambda: sum(job_of(broker, message).state is JobState.RUNNING for message in sent) == 4)
    waiting = [job for message in sent if (job := job_of(broker, message)).state is JobState.PENDING]
    assert [(job.wait_reason, job.spent) for job in waiting] == [("STUCK", 0)] * 6

    # And all of them run in the end
    consumer.ack(first)
    for _ in range(9):
        consumer.ack(taken(consumer))
    broker.join("default", timeout=JOIN_MS)
    assert {job_of(broker, message).state for message in sent} == {JobState.SUCCEEDED}
    consumer.close()


def test_a_message_over_8_mib_is_refused_by_its_field(broker: JobBroker) -> None:
    @dramatiq.actor(broker=broker)
    def work(text: str) -> None: ...

    with pytest.raises(InvalidField) as refused:
        work.send("x" * MESSAGE_BYTES)
    assert refused.value.field == "args"
    assert "x" * 100 not in str(refused.value)


def test_a_job_whose_arguments_were_lost_fails_and_its_neighbours_run(broker: JobBroker) -> None:
    seen: list[str] = []

    @dramatiq.actor(broker=broker)
    def work(text: str) -> None:
        seen.append(text)

    lost, small = work.send(TEXT), work.send("small")
    broker.client.delete(*shared(broker))
    with working(broker):
        wait_until(lambda: job_of(broker, lost).state is JobState.FAILED)
        broker.join("default", timeout=JOIN_MS)
    error = job_of(broker, lost).error
    assert error is not None
    assert error.reason == "UNDECODABLE_MESSAGE"
    assert "What was said" not in error.message
    assert job_of(broker, small).state is JobState.SUCCEEDED
    assert seen == ["small"]


def test_a_large_message_whose_reply_was_lost_is_one_job(
    proxied_broker: JobBroker, proxy: LossyProxy
) -> None:
    @dramatiq.actor(broker=proxied_broker)
    def work(text: str) -> None: ...

    work.send("first")
    proxy.lose_reply_of(script("submit").sha)
    with suppress(ConnectionClosed):  # unless the connection has repeated it by itself
        work.send_with_options(args=(TEXT,), request_id="once")
    work.send_with_options(args=(TEXT,), request_id="once")
    assert len(all_jobs(proxied_broker, "default")) == 2
    [blob] = shared(proxied_broker)
    assert proxied_broker.client.scard(blob.replace(b":blob:", b":holders:")) == 1
