"""Limits of one tenant in a queue: they bind it, for as long as they bind, and nobody else."""

from __future__ import annotations

import redis

from common.job.limits import TenantLimits, Window
from support.store import Queue


def _limited(client: redis.Redis, limits: TenantLimits) -> Queue:
    queue = Queue(client)
    queue.configure(**{"tenant:a": str(limits)})
    return queue


def test_a_window_that_has_passed_holds_nobody_although_the_jobs_of_it_run_on(client: redis.Redis) -> None:
    queue = _limited(client, TenantLimits(window=Window(1, 10_000)))
    first, second = queue.submit(tenant="a"), queue.submit(tenant="a")
    assert [lease.job_id for lease in queue.fetch(1)] == [first]

    waits = queue.look(1)
    assert (waits.leases, waits.wait_ms) == ([], 10_100)  # the window and its margin
    queue.now_ms += 10_101

    assert [lease.job_id for lease in queue.fetch(1)] == [second]


def test_a_tenant_that_has_used_its_limit_up_is_not_in_the_way_of_others(client: redis.Redis) -> None:
    queue = _limited(client, TenantLimits(concurrency=1))
    for _ in range(3):
        queue.submit(tenant="a")
    other = queue.submit(tenant="b")

    leases = queue.fetch(9)

    assert [lease.tenant for lease in leases] == ["a", "b"]
    assert queue.explain(other, "b") == []
