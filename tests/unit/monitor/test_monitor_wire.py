"""What goes over the wire says the same as the facts, and nothing that was not measured."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bothsides.jobs import v1 as pb
from common.store.stats import Counts
from monitor import wire
from monitor.facts import Reading
from monitor.health import Severity, Thresholds
from monitor.reports import ReportBoard
from support.monitor_facts import NOW_MS, counts, facts, fresh, queue, worker

_ELAPSED_MS = st.integers(0, 10_000_000)


def bucket(elapsed_ms: int) -> int:
    """Return the bucket that the scripts count an elapsed time in."""
    return math.floor(4 * math.log2(elapsed_ms + 1))


def exact_ms(elapsed_ms: list[int], share: float) -> int:
    """Return the nearest-rank quantile: the least value that `share` of all do not exceed."""
    return sorted(elapsed_ms)[max(0, math.ceil(share * len(elapsed_ms)) - 1)]


@given(st.lists(_ELAPSED_MS, min_size=1, max_size=300))
def test_a_quantile_is_an_upper_bound_within_a_bucket_of_the_exact_one(elapsed_ms: list[int]) -> None:
    """Never below the exact value, and above it by no more than the 19 % that a bucket is wide."""
    latency = wire.latency_to_pb(Counter(map(bucket, elapsed_ms)))
    assert latency.sample_count == len(elapsed_ms)
    for share, told in ((0.50, latency.p50), (0.95, latency.p95), (0.99, latency.p99)):
        exact = exact_ms(elapsed_ms, share)
        told_ms = told.ToNanoseconds() / 1e6
        assert exact <= told_ms + 1e-6
        assert told_ms <= (exact + 1) * 2**0.25 - 1 + 1e-5


@given(st.lists(_ELAPSED_MS, min_size=1, max_size=60), st.lists(_ELAPSED_MS, min_size=1, max_size=60))
def test_merged_histograms_tell_the_quantiles_of_all_samples(one: list[int], other: list[int]) -> None:
    apart = Counter(map(bucket, one)) + Counter(map(bucket, other))
    assert wire.latency_to_pb(apart) == wire.latency_to_pb(Counter(map(bucket, one + other)))


def test_without_samples_a_quantile_is_absent_and_not_zero() -> None:
    latency = wire.latency_to_pb({})
    assert latency.sample_count == 0
    assert not any(latency.HasField(name) for name in ("p50", "p95", "p99"))


def test_a_queue_is_spelled_with_the_workers_that_consume_it() -> None:
    stats = wire.queue_to_pb(
        facts(
            queue(),
            workers=(
                worker(slots=4),
                worker(worker_id="b", slots=2),
                worker(worker_id="c", queues=("exports",)),
            ),
        ),
        queue(
            pending=5,
            scheduled=4,
            retrying=3,
            running=2,
            oldest_pending_ms=NOW_MS - 1_500,
            total=counts(submitted=14, resubmitted=1, ready=5),
            last_minute=counts(failed=1),
            last_hour=counts(lost=2),
            latency=Counts({}, {8: 10}, {20: 3}),
            paused=True,
        ),
    )
    assert (stats.pending, stats.scheduled, stats.retrying, stats.running) == (5, 4, 3, 2)
    assert stats.oldest_pending_age.ToMilliseconds() == 1_500
    assert stats.total == pb.QueueStats.Counts(submitted=14)
    assert stats.last_minute == pb.QueueStats.Counts(failed=1)
    assert stats.last_hour == pb.QueueStats.Counts(lost=2)
    assert (stats.wait.sample_count, stats.run.sample_count) == (10, 3)
    assert (stats.worker_count, stats.slot_count, stats.paused) == (2, 6, True)


def test_an_age_is_absent_when_nothing_waits() -> None:
    assert not wire.queue_to_pb(facts(), queue()).HasField("oldest_pending_age")


def test_a_queue_that_became_ready_by_a_faster_clock_has_no_negative_age() -> None:
    stats = wire.queue_to_pb(facts(), queue(pending=1, oldest_pending_ms=NOW_MS + 5))
    assert stats.oldest_pending_age.ToNanoseconds() == 0


def test_health_is_spelled_with_its_facts_and_their_time() -> None:
    reading = fresh(facts(queue(paused=True, pending=1, oldest_pending_ms=NOW_MS)))
    health = wire.health_to_pb(ReportBoard(Thresholds(), lambda: reading).judge())
    assert health.status == pb.Health.DEGRADED
    assert [(issue.code, issue.severity, issue.queue) for issue in health.issues] == [
        ("QUEUE_PAUSED", pb.Health.DEGRADED, "ai_analysis")
    ]
    assert health.read_time.ToMilliseconds() == NOW_MS
    assert [stats.queue for stats in health.queues] == ["ai_analysis"]
    assert health.worker_count == 1


def test_without_facts_health_has_no_time() -> None:
    reading = Reading(None, None, store_away=True)
    health = wire.health_to_pb(ReportBoard(Thresholds(), lambda: reading).judge())
    assert (health.status, health.HasField("read_time")) == (pb.Health.UNKNOWN, False)


def test_every_severity_has_the_status_of_the_same_name() -> None:
    spelled = {severity.name: severity.value for severity in Severity}
    assert spelled == {name: number for name, number in pb.Health.Status.items() if number}


def test_a_worker_is_spelled_whole() -> None:
    spelled = wire.worker_to_pb(worker(queues=("exports", "maintenance")))
    assert (spelled.worker_id, spelled.host, spelled.pid, spelled.version) == (
        "worker-1",
        "host-1",
        11,
        "0.1.0",
    )
    assert (list(spelled.queues), spelled.slot_count, spelled.running) == (["exports", "maintenance"], 4, 3)
    assert spelled.start_time.ToMilliseconds() == NOW_MS - 60_000
    assert spelled.heartbeat_time.ToMilliseconds() == NOW_MS - 1_000


def test_a_worker_tells_how_its_loop_and_children_are_and_what_it_makes_up() -> None:
    spelled = wire.worker_to_pb(worker(loop_lag_ms=1_250, children=2, busy_children=1, simulates="BUG 5%"))
    assert spelled.loop_lag.ToMilliseconds() == 1_250
    assert (spelled.child_count, spelled.busy_child_count, spelled.simulated_errors) == (2, 1, "BUG 5%")
