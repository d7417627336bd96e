"""What jobs report while the committer is busy is written together, in pieces, and nothing of it is lost."""

from __future__ import annotations

from typing import Any

import dramatiq
import redis

from common.broker import JobBroker, current_job
from common.job.model import Content
from common.store import jobs
from common.store.events import PartMade, Progressed, StateChanged, events_of
from support.workers import working

#: Two of these are more than one script takes.
LARGE = 700_000
JOIN_MS = 20_000


def test_large_parts_and_progress_of_many_jobs_arrive_whole_and_in_order(client: redis.Redis) -> None:
    broker = JobBroker(client, namespace="reports", lease_ms=5_000, timeout_ms=60_000)

    @dramatiq.actor(broker=broker)
    def report(number: int) -> None:
        job = current_job()
        assert job is not None
        for step in range(4):
            job.report(step / 4, f"step {step}")
            job.keep_part(f"part {step}", Content("text/plain", bytes([number]) * LARGE))

    messages = [report.send(number) for number in range(4)]
    with working(broker, threads=4):
        broker.join("default", timeout=JOIN_MS)
    broker.close()

    keys = broker.queues["default"]
    entries: Any = client.xrange(keys.events)
    told = [
        event for _, entry in entries for event in events_of(entry) if not isinstance(event, StateChanged)
    ]
    for number, message in enumerate(messages):
        job_id = message.options["job_id"]
        own = [
            event.progress.stage if isinstance(event, Progressed) else event.name
            for event in told
            if event.job_id == job_id and isinstance(event, Progressed | PartMade)
        ]
        assert own == [word for step in range(4) for word in (f"step {step}", f"part {step}")]
        snapshot = broker.runner.run(jobs.get(keys, job_id, full=True))
        assert snapshot is not None
        assert [part.content.data for part in snapshot.parts] == [bytes([number]) * LARGE] * 4
