"""What a request id stands for: one job of its tenant's, whichever queue it is in, for a day at least."""

from __future__ import annotations

import pytest
import redis

from common.job.outcome import Succeed
from common.store import queues
from common.store.jobs import Accepted, Draining, Full, Repeated, Reused
from common.store.operation import Client
from support.store import Queue

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@pytest.fixture
def here(client: Client) -> Queue:
    return Queue(client)  # type: ignore[arg-type]  # a cluster's does as well


@pytest.fixture
def there(client: Client) -> Queue:
    return Queue(client, name="elsewhere")  # type: ignore[arg-type]  # a cluster's does as well


def test_a_request_id_that_another_queue_has_is_refused_with_the_id_of_its_job(
    here: Queue, there: Queue
) -> None:
    first = here.submit(request_id="r1", request_digest="one")
    [again] = there.submit_all([there.request(request_id="r1", request_digest="other")])

    assert again == Reused(first)
    assert there.fetch(10) == []


def test_the_same_request_for_another_queue_is_the_first_job(here: Queue, there: Queue) -> None:
    """As where an actor has got another queue since."""
    first = here.submit(request_id="r1", request_digest="same")
    [again] = there.submit_all([there.request(request_id="r1", request_digest="same")])

    assert again == Repeated(first)
    assert there.fetch(10) == []


def test_a_request_id_is_known_after_its_job_is_gone(here: Queue, there: Queue) -> None:
    first = here.submit(request_id="r1", request_digest="one")
    [lease] = here.fetch()
    here.finish(lease, Succeed(None))
    here.delete(first)

    [again] = there.submit_all([there.request(request_id="r1", request_digest="other")])
    assert again == Reused(first)


@pytest.mark.parametrize(("setting", "outcome"), [({"depth": "0"}, Full(0)), ({"draining": "1"}, Draining())])
def test_a_request_id_whose_job_was_refused_is_free_for_any_queue(
    here: Queue, there: Queue, setting: dict[str, str], outcome: Full | Draining
) -> None:
    here.configure(**setting)
    assert here.submit_all([here.request(request_id="r1")]) == [outcome]

    [taken] = there.submit_all([there.request(request_id="r1")])
    assert isinstance(taken, Accepted)


def test_request_ids_of_two_tenants_are_apart_in_all_queues(here: Queue, there: Queue) -> None:
    here.submit(request_id="r1", tenant="a")
    there.submit(request_id="r1", tenant="b")


def test_one_call_for_several_tenants_claims_for_each(here: Queue, there: Queue) -> None:
    asked = [here.request(request_id=f"r{n}", tenant=tenant) for n in range(3) for tenant in ("a", "b")]
    here.submit_all(asked)

    repeats = [
        there.request(request_id=one.request_id, tenant=one.tenant, request_digest="other") for one in asked
    ]
    assert there.submit_all(repeats) == [Reused(one.job_id) for one in asked]


@pytest.mark.parametrize("since_midnight_ms", [0, HOUR_MS, DAY_MS - 1])
def test_a_request_id_is_known_for_a_day_at_least_and_for_two_at_most(
    here: Queue, there: Queue, since_midnight_ms: int
) -> None:
    begun_ms = here.now_ms // DAY_MS * DAY_MS + since_midnight_ms
    here.now_ms = there.now_ms = begun_ms
    first = here.submit(request_id="r1", request_digest="one")
    other = there.request(request_id="r1", request_digest="other")

    here.now_ms = there.now_ms = begun_ms + DAY_MS
    assert there.submit_all([other]) == [Reused(first)]
    here.now_ms = there.now_ms = begun_ms + 2 * DAY_MS
    [late] = there.submit_all([other])
    assert isinstance(late, Accepted)


def test_a_sweep_removes_the_request_ids_that_nobody_may_ask_for(client: Client, here: Queue) -> None:
    begun_ms = here.now_ms // DAY_MS * DAY_MS
    here.now_ms = begun_ms
    here.submit(request_id="r1")
    in_slot = isinstance(client, redis.RedisCluster)
    key = f"{here.keys.prefix}requests:default:" if in_slot else here.keys.claims_of("default")

    # An hour late, as another queue's clock may be behind this one's.
    for passed_ms, is_kept in ((2 * DAY_MS + HOUR_MS - 1, True), (2 * DAY_MS + HOUR_MS, False)):
        here.now_ms = begun_ms + passed_ms
        here.run(queues.sweep(here.keys, now_ms=here.now_ms))
        assert client.exists(f"{key}{begun_ms // DAY_MS}") == is_kept
