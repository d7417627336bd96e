"""Who goes first: CRITICAL before all that is older, and no tenant behind another's flood."""

from __future__ import annotations

import redis

from common.job.priority import Priority
from support.store import Queue

CHUNK = 500


def submit(queue: Queue, count: int, tenant: str, priority: Priority = Priority.NORMAL) -> None:
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        queue.submit_all([queue.request(tenant=tenant, priority=priority) for _ in range(size)])


def test_twenty_critical_jobs_go_before_ten_thousand_low_ones_of_two_hours_ago(client: redis.Redis) -> None:
    """By then every LOW job's allowance of an hour is over, and still none of them goes first."""
    queue = Queue(client)
    submit(queue, 10_000, "a", Priority.LOW)
    queue.now_ms += 2 * 3_600_000
    critical = [queue.submit(tenant="a", priority=Priority.CRITICAL) for _ in range(20)]
    fetched = [lease.job_id for _ in range(7) for lease in queue.fetch(3)]
    assert set(fetched[:20]) == set(critical)
    assert len(fetched) == 21


def test_a_tenants_single_job_waits_for_at_most_one_of_anothers_ten_thousand(client: redis.Redis) -> None:
    queue = Queue(client)
    submit(queue, 10_000, "flood")
    for _ in range(50):
        queue.fetch()
    queue.now_ms += 1_000
    single = queue.submit(tenant="single")
    assert single in [queue.fetch()[0].job_id for _ in range(2)]


def test_twice_the_weight_is_twice_the_share(client: redis.Redis) -> None:
    queue = Queue(client)
    queue.configure(**{"tenant:heavy": "2||"})
    submit(queue, 200, "heavy")
    submit(queue, 200, "light")
    tenants = [lease.tenant for _ in range(90) for lease in queue.fetch()]
    assert 59 <= tenants.count("heavy") <= 61
