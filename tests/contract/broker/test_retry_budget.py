"""A broker may bring along how many retries its queues allow; what an operator has set stays."""

from __future__ import annotations

from collections.abc import Iterator

import dramatiq
import pytest
import redis

from common.broker import JobBroker, RetryBudget
from common.job.states import JobState
from common.store.queue_settings import configure, describe
from support.broker_jobs import all_jobs
from support.workers import working

JOIN_MS = 20_000


@pytest.fixture
def generous(client: redis.Redis) -> Iterator[JobBroker]:
    made = JobBroker(client, namespace="contract", retry_budget=RetryBudget(1.0, 1_000))
    yield made
    made.close()


def test_more_retries_than_the_default_allows_do_not_wait(generous: JobBroker) -> None:
    @dramatiq.actor(broker=generous, max_retries=1, min_backoff=1, max_backoff=1)
    def fail() -> None:
        raise LookupError

    with working(generous):
        for _ in range(60):
            fail.send()
        generous.join("default", timeout=JOIN_MS)
    assert {(job.state, job.attempt) for job in all_jobs(generous)} == {(JobState.FAILED, 2)}


def test_what_an_operator_has_set_stays(generous: JobBroker, broker: JobBroker) -> None:
    @dramatiq.actor(broker=generous)
    def work() -> None: ...

    broker.declare_queue("default")
    keys = broker.queues["default"]
    broker.run(configure(keys, {"retry_share": "0.5"}))
    work.send()
    settings = broker.run(describe(keys))
    assert (settings.retry_share, settings.retry_least) == (0.5, None)


@pytest.mark.parametrize(("ratio", "least"), [(-0.1, 10), (101.0, 10), (0.2, -1), (0.2, 1_000_001)])
def test_a_budget_has_bounds(ratio: float, least: int) -> None:
    with pytest.raises(ValueError, match="retry budget"):
        RetryBudget(ratio, least)
