"""Facts and reports as the contract spells them. Translates, decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from bothsides.jobs import v1 as pb
from common.store.histogram import quantile_ms
from common.store.stats import Counts
from common.store.workers import WorkerReport
from monitor.facts import Facts, QueueFacts
from monitor.health import Issue
from monitor.reports import Report


def health_to_pb(report: Report) -> pb.Health:
    """Spell a report; without facts it has no read time and no queues."""
    health = pb.Health(
        status=pb.Health.Status.ValueType(report.status),
        issues=[issue_to_pb(issue) for issue in report.issues],
    )
    if report.facts is not None:
        health.read_time.CopyFrom(timestamp(report.facts.read_ms))
        health.queues.extend(queue_to_pb(report.facts, queue) for queue in report.facts.queues)
        health.worker_count = len(report.facts.workers)
    return health


def issue_to_pb(issue: Issue) -> pb.Health.Issue:
    """Spell an issue."""
    return pb.Health.Issue(
        code=issue.code,
        severity=pb.Health.Status.ValueType(issue.severity),
        queue=issue.queue,
        message=issue.message,
        recommendation=issue.recommendation,
    )


def queue_to_pb(facts: Facts, queue: QueueFacts) -> pb.QueueStats:
    """Spell a queue, with the workers that consume it."""
    consumers = facts.consumers(queue.queue)
    stats = pb.QueueStats(
        queue=queue.queue,
        scheduled=queue.scheduled,
        pending=queue.pending,
        running=queue.running,
        retrying=queue.retrying,
        total=counts_to_pb(queue.total),
        last_minute=counts_to_pb(queue.last_minute),
        last_hour=counts_to_pb(queue.last_hour),
        wait=latency_to_pb(queue.latency.waits),
        run=latency_to_pb(queue.latency.runs),
        worker_count=len(consumers),
        slot_count=sum(worker.slots_for(queue.queue) for worker in consumers),
        paused=queue.paused,
    )
    if queue.oldest_pending_ms is not None:
        stats.oldest_pending_age.CopyFrom(duration(queue.oldest_pending_age_ms))
    return stats


def counts_to_pb(counts: Counts) -> pb.QueueStats.Counts:
    """Spell the counts of a period; what never happened is 0."""
    names = (field.name for field in pb.QueueStats.Counts.DESCRIPTOR.fields)
    return pb.QueueStats.Counts(**{name: counts.totals.get(name, 0) for name in names})


def latency_to_pb(histogram: Mapping[int, int]) -> pb.QueueStats.Latency:
    """Spell a histogram (samples by bucket) as quantiles; without samples they are absent."""
    latency = pb.QueueStats.Latency(sample_count=sum(histogram.values()))
    for share, field in ((0.50, latency.p50), (0.95, latency.p95), (0.99, latency.p99)):
        value_ms = quantile_ms(histogram, share)
        if value_ms is not None:
            field.CopyFrom(duration(value_ms))
    return latency


def worker_to_pb(worker: WorkerReport) -> pb.Worker:
    """Spell a worker's report."""
    return pb.Worker(
        worker_id=worker.worker_id,
        host=worker.host,
        pid=worker.pid,
        version=worker.version,
        queues=worker.queues,
        slot_count=worker.slots,
        running=worker.running,
        start_time=timestamp(worker.started_ms),
        heartbeat_time=timestamp(worker.reported_ms),
        loop_lag=duration(worker.loop_lag_ms),
        child_count=worker.children,
        busy_child_count=worker.busy_children,
        simulated_errors=worker.simulates,
        retiring_models=worker.retiring,
    )


def timestamp(instant_ms: int) -> Timestamp:
    """Spell Unix ms."""
    return Timestamp(seconds=instant_ms // 1_000, nanos=instant_ms % 1_000 * 1_000_000)


def duration(elapsed_ms: float) -> Duration:
    """Spell a length of time, to the nanosecond."""
    nanos = round(elapsed_ms * 1_000_000)
    return Duration(seconds=nanos // 1_000_000_000, nanos=nanos % 1_000_000_000)
