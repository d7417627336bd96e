"""What a broker's store knows of the jobs that messages became."""

from __future__ import annotations

from typing import Any

import dramatiq

from common.broker import JobBroker
from common.job.model import Job
from common.store import jobs


def snapshot_of(broker: JobBroker, message: dramatiq.Message[Any]) -> jobs.Snapshot:
    """Read the job of a message that was sent, with its payload and result."""
    job_id = message.options["job_id"]
    read = broker.runner.run(jobs.get(broker.queues[message.queue_name], job_id, full=True))
    assert read is not None, f"no job {job_id}"
    return read


def job_of(broker: JobBroker, message: dramatiq.Message[Any]) -> Job:
    """Read the record of a message that was sent."""
    return snapshot_of(broker, message).job


def all_jobs(broker: JobBroker, queue: str = "default") -> list[Job]:
    """Read every job of a queue, the newest first."""
    found: list[Job] = []
    after = ""
    while True:
        page = broker.runner.run(jobs.list_jobs(broker.queues[queue], after=after, want=500))
        found += page.jobs
        if not page.after:
            return found
        after = page.after


def damage(broker: JobBroker, queue: str, job_id: str, message: bytes) -> None:
    """Put something else in the place of a job's stored message."""
    key = broker.queues[queue].job(job_id)
    header, _, _ = broker.client.get(key).partition(b"\n")
    broker.client.set(key, header + b"\n" + message)
