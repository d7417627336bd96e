"""A broker without a Worker: messages are fetched and ended by the caller's own code."""

from __future__ import annotations

import json

import dramatiq
import pytest
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.message import Message

from common.broker import JobBroker
from common.job.states import JobState
from common.store import jobs
from support.broker_jobs import all_jobs, damage, job_of
from support.waiting import wait_until

JOIN_MS = 10_000


def taken(consumer: Consumer) -> MessageProxy:
    """Return the consumer's next message."""
    message = wait_until(lambda: next(consumer))
    assert message is not None
    return message


def test_a_message_comes_as_it_was_sent(broker: JobBroker) -> None:
    @dramatiq.actor(broker=broker)
    def add(x: int, y: int) -> int:
        return x + y

    sent = add.send(1, 2)
    consumer = broker.consume("default", timeout=100)
    message = taken(consumer)
    assert message._message == sent
    assert (message.message_id, message.args) == (sent.message_id, (1, 2))
    consumer.ack(message)
    broker.join("default", timeout=JOIN_MS)
    assert job_of(broker, sent).state is JobState.SUCCEEDED
    consumer.close()


def test_what_is_rejected_has_failed_and_what_is_requeued_comes_again(broker: JobBroker) -> None:
    broker.declare_queue("default")
    sent = [broker.enqueue(Message("default", "anything", (number,), {}, {})) for number in range(2)]
    consumer = broker.consume("default", prefetch=2, timeout=100)
    first, second = taken(consumer), taken(consumer)
    consumer.nack(first)
    consumer.requeue([second])
    again = taken(consumer)
    assert again.args == second.args
    consumer.ack(again)
    broker.join("default", timeout=JOIN_MS)
    states = [job_of(broker, sent[message.args[0]]).state for message in (first, second)]
    assert states == [JobState.FAILED, JobState.SUCCEEDED]
    consumer.close()


def test_no_more_is_fetched_than_the_prefetch(broker: JobBroker) -> None:
    broker.declare_queue("default")
    for number in range(5):
        broker.enqueue(Message("default", "anything", (number,), {}, {}))
    consumer = broker.consume("default", prefetch=2, timeout=10)
    taken(consumer), taken(consumer)
    assert next(consumer) is None
    consumer.close()


def test_a_message_that_ended_is_a_new_job_when_it_is_sent_again(broker: JobBroker) -> None:
    broker.declare_queue("default")
    first = broker.enqueue(Message("default", "anything", (), {}, {}))
    consumer = broker.consume("default", timeout=100)
    message = taken(consumer)
    consumer.ack(message)
    second = broker.enqueue(message)  # type: ignore[arg-type]
    assert second.options["job_id"] != first.options["job_id"]
    consumer.ack(taken(consumer))
    broker.join("default", timeout=JOIN_MS)
    assert [job.state for job in all_jobs(broker)] == [JobState.SUCCEEDED] * 2
    consumer.close()


def test_a_message_of_another_broker_is_refused(broker: JobBroker) -> None:
    broker.declare_queue("default")
    consumer = broker.consume("default", timeout=100)
    with pytest.raises(TypeError, match="did not come from this broker"):
        consumer.ack(MessageProxy(Message("default", "anything", (), {}, {})))
    consumer.close()


@pytest.mark.parametrize(
    "instead",
    [
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"unknown": 1}',
        {"options": None},
        {"kwargs": [1]},
        {"args": 7},
        {"actor_name": ["work"]},
    ],
)
def test_a_message_that_is_none_fails_alone(broker: JobBroker, instead: bytes | dict[str, object]) -> None:
    """Stock Dramatiq restarts the consumer again and again, and strands all that came with it."""
    broker.declare_queue("default")
    sent = [broker.enqueue(Message("default", "anything", (number,), {}, {})) for number in range(3)]
    keys = broker.queues["default"]
    job_id = sent[1].options["job_id"]
    snapshot = broker.runner.run(jobs.get(keys, job_id, full=True))
    assert snapshot is not None
    if isinstance(instead, dict):
        instead = json.dumps(json.loads(snapshot.payload) | instead).encode()
    damage(broker, "default", job_id, instead)
    consumer = broker.consume("default", prefetch=3, timeout=100)
    for _ in range(2):
        consumer.ack(taken(consumer))
    broker.join("default", timeout=JOIN_MS)
    found = [job_of(broker, message) for message in sent]
    assert [job.state for job in found] == [JobState.SUCCEEDED, JobState.FAILED, JobState.SUCCEEDED]
    assert found[1].error is not None
    assert found[1].error.reason == "UNDECODABLE_MESSAGE"
    consumer.close()
