"""An entry of an event stream, as a script has written it: its jobs are known before its events are read."""

from __future__ import annotations

from typing import Any

import redis

from common.job.outcome import Succeed
from common.store import jobs
from scheduler.watch.batch import Batch
from support.store import Queue


def test_the_jobs_of_an_entry_are_those_of_its_events(client: redis.Redis) -> None:
    # Given jobs that move alike, three with each call
    queue = Queue(client)
    queue.submit_all([queue.request() for _ in range(3)])
    leases = queue.fetch(3)
    endings = [(lease.member, Succeed()) for lease in leases]
    queue.run(jobs.finish(queue.keys, endings, now_ms=queue.now_ms))

    entries: Any = client.xrange(queue.keys.events)
    batches = [Batch(entry) for entry in entries]
    told = [[event.job_id for event in batch.read()] for batch in batches]
    assert [len(ids) for ids in told] == [3, 3, 3]
    assert [list(batch.job_ids()) for batch in batches] == told
    assert [batch.count for batch in batches] == [3, 3, 3]
