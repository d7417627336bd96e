"""The collector against a real server: jobs are driven by the store's operations, the clock by the test."""

from __future__ import annotations

import random
import shlex
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import redis
import redis.asyncio

from common.job.states import JobState
from common.store.operation import AsyncRunner, SyncRunner
from common.store.queues import declare_queue
from common.store.stats import Counts
from common.store.workers import WorkerReport, forget_worker, report_worker
from monitor.collector import Collector
from monitor.facts import Facts, QueueFacts
from monitor.health import Severity, Thresholds, issues_of
from support.queue_driver import FAIL, RELEASE, SUCCEED, QueueDriver

NAMESPACE = "bothsides"
QUEUE = "ai_analysis"
#: The first ms of a minute.
START_MS = 28_000_000 * 60_000
COUNTED = ("submitted", "started", "succeeded", "failed", "retried", "cancelled", "expired", "lost")


@pytest.fixture
async def runner(valkey: str) -> AsyncIterator[AsyncRunner]:
    async with redis.asyncio.Redis.from_url(valkey, protocol=2) as client:
        yield AsyncRunner(client)


@pytest.fixture
def driver(client: redis.Redis) -> QueueDriver:
    return QueueDriver(client, QUEUE, START_MS)


def collector_of(runner: AsyncRunner, driver: QueueDriver) -> Collector:
    return Collector(runner, NAMESPACE, store_clock=lambda: driver.now_ms)


async def facts_of(collector: Collector) -> Facts:
    await collector.look()
    facts = collector.reading().facts
    assert facts is not None
    return facts


async def queue_of(collector: Collector) -> QueueFacts:
    (queue,) = (await facts_of(collector)).queues
    return queue


def counted(counts: Counts) -> Counter[str]:
    """Return the counts that the contract names and that are not 0."""
    return Counter({name: count for name in COUNTED if (count := counts.totals.get(name, 0))})


def report(worker_id: str, *queues: str, slots: int = 4) -> WorkerReport:
    return WorkerReport(worker_id, "host-1", 11, "0.1.0", queues, slots, 0, START_MS)


async def test_a_queue_that_was_only_declared_is_known_and_empty(
    runner: AsyncRunner, driver: QueueDriver
) -> None:
    queue = await queue_of(collector_of(runner, driver))
    assert (queue.queue, queue.pending, queue.scheduled, queue.running, queue.retrying) == (QUEUE, 0, 0, 0, 0)
    assert queue.oldest_pending_ms is None
    assert counted(queue.total) == Counter()


async def test_gauges_follow_a_job_through_its_states(runner: AsyncRunner, driver: QueueDriver) -> None:
    collector = collector_of(runner, driver)

    async def gauges() -> tuple[int, int, int, int]:
        queue = await queue_of(collector)
        return queue.scheduled, queue.pending, queue.running, queue.retrying

    # Given a job that may start now and one that may start in a minute
    driver.submit()
    driver.submit(delay_ms=60_000)
    assert await gauges() == (1, 1, 0, 0)
    # When the first is leased, and fails, and is to be tried again
    (member,) = driver.fetch()
    assert await gauges() == (1, 0, 1, 0)
    driver.retry(member, delay_ms=30_000)
    assert await gauges() == (1, 0, 0, 1)
    # Then both start when their times have come
    driver.now_ms += 60_000
    assert len(driver.fetch(want=2)) == 2
    assert await gauges() == (0, 0, 2, 0)


async def test_the_age_of_the_oldest_counts_from_when_it_could_start(
    runner: AsyncRunner, driver: QueueDriver
) -> None:
    collector = collector_of(runner, driver)
    driver.submit()
    driver.now_ms += 7_500
    driver.submit()
    assert (await queue_of(collector)).oldest_pending_age_ms == 7_500
    driver.fetch()
    driver.now_ms += 1_000
    assert (await queue_of(collector)).oldest_pending_age_ms == 1_000


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_counters_equal_a_recount_at_any_moment(
    runner: AsyncRunner, driver: QueueDriver, seed: int
) -> None:
    """A random walk of over an hour, seen by a collector that was there and by one that has just begun."""
    chance = random.Random(seed)
    old_hand = collector_of(runner, driver)
    job_ids: list[str] = []
    for step in range(250):
        match chance.choice(("submit", "submit", "fetch", "finish", "finish", "cancel", "wait")):
            case "submit":
                job_ids.append(driver.submit(delay_ms=chance.choice((0, 0, 20_000))))
            case "fetch":
                driver.fetch(want=chance.randint(1, 4))
            case "finish" if live := [m for m, expiry in driver.leases.items() if expiry > driver.now_ms]:
                driver.finish(chance.choice(live), chance.choice((SUCCEED, SUCCEED, FAIL, RELEASE)))
            case "cancel" if job_ids:
                driver.cancel(chance.choice(job_ids))
            case _:
                driver.now_ms += chance.randint(0, 90_000)
        driver.now_ms += chance.randint(0, 20_000)
        if step % 25 == 24:
            present = driver.now_ms // 60_000
            for collector in (old_hand, collector_of(runner, driver)):
                queue = await queue_of(collector)
                for counts, minutes in (
                    (queue.total, (0, present)),
                    (queue.last_minute, (present - 1, present - 1)),
                    (queue.last_hour, (present - 60, present - 1)),
                    (queue.recent, (present - 10, present)),
                ):
                    expected = driver.recount(*minutes)
                    del expected["released"]
                    assert counted(counts) == expected, minutes
    # The walk was worth something, and the totals equal what the records say.
    assert all(driver.recount(0, 1 << 40)[name] for name in ("succeeded", "failed", "cancelled", "lost"))
    states = Counter(driver.state(job_id) for job_id in job_ids)
    queue = await queue_of(old_hand)
    assert queue.running == states[JobState.RUNNING] + states[JobState.CANCELLING]
    assert queue.pending + queue.scheduled == states[JobState.PENDING] + states[JobState.SCHEDULED]
    assert counted(queue.total)["succeeded"] == states[JobState.SUCCEEDED]


async def test_an_expired_job_is_counted_when_a_worker_passes_it_over(
    runner: AsyncRunner, driver: QueueDriver
) -> None:
    job_id = driver.submit(ttl_ms=1_000)
    driver.now_ms += 1_000
    assert driver.fetch() == []
    assert driver.state(job_id) is JobState.EXPIRED
    queue = await queue_of(collector_of(runner, driver))
    assert counted(queue.total) == {"submitted": 1, "expired": 1}


async def test_latencies_are_those_of_the_jobs(runner: AsyncRunner, driver: QueueDriver) -> None:
    """The scripts' histograms bound the exact waits and runs, each within its 19 %."""
    waits_ms = [0, 1, 2, 3, 7, 8, 15, 100, 250, 999, 1_000, 4_095, 9_999]
    runs_ms = [5, 6, 7, 31, 32, 33, 500, 501, 700, 2_000, 8_000, 16_383, 29_000]
    for wait_ms, run_ms in zip(waits_ms, runs_ms, strict=True):
        driver.submit()
        driver.now_ms += wait_ms
        (member,) = driver.fetch()
        driver.now_ms += run_ms
        driver.finish(member, SUCCEED)
    queue = await queue_of(collector_of(runner, driver))
    for histogram, exact in ((queue.latency.waits, waits_ms), (queue.latency.runs, runs_ms)):
        # Every sample lies in the bucket whose edges enclose it, so sorted they match one to one.
        buckets = sorted(bucket for bucket, count in histogram.items() for _ in range(count))
        assert len(buckets) == len(exact)
        for bucket, elapsed_ms in zip(buckets, exact, strict=True):
            assert 2 ** (bucket / 4) - 1 <= elapsed_ms + 1e-6
            assert elapsed_ms <= 2 ** ((bucket + 1) / 4) - 1 + 1e-6


def scripts_in(commandstats: Mapping[str, Any]) -> int:
    """Return how often scripts ran, in whichever form they were sent."""
    forms = ("cmdstat_fcall", "cmdstat_evalsha", "cmdstat_eval")
    return sum(commandstats[form]["calls"] for form in forms if form in commandstats)


async def test_a_minute_is_read_once_and_a_tick_costs_one_call_a_queue(
    runner: AsyncRunner, driver: QueueDriver, client: redis.Redis
) -> None:
    for name in ("exports", "maintenance"):
        SyncRunner(client).run(declare_queue(NAMESPACE, name))
    collector = collector_of(runner, driver)
    await collector.look()
    # Given the number of commands that scripts and clients have run so far
    before = client.info("commandstats")
    # When it looks ten times more within the minute
    for _ in range(10):
        await collector.look()
    # Then each look was one script for the workers, one for the names, one for each of three queues
    after = client.info("commandstats")
    assert scripts_in(after) - scripts_in(before) == 10 * 5
    # And of the minutes and totals it read two hashes a queue
    assert after["cmdstat_hgetall"]["calls"] - before["cmdstat_hgetall"]["calls"] == 10 * 3 * 2


async def test_a_look_costs_the_same_whatever_the_number_of_jobs(
    runner: AsyncRunner, driver: QueueDriver, client: redis.Redis
) -> None:
    """Counted in commands that the server runs, so that no clock decides."""
    collector = collector_of(runner, driver)
    await collector.look()

    async def commands_of_a_look() -> dict[str, int]:
        before = client.info("commandstats")
        await collector.look()
        after = client.info("commandstats")
        calls = {
            name: stat["calls"] - before.get(name, {"calls": 0})["calls"] for name, stat in after.items()
        }
        return {name: count for name, count in calls.items() if count and name != "cmdstat_info"}

    for _ in range(8):
        driver.submit()
    few = await commands_of_a_look()
    for _ in range(400):
        driver.submit()
    assert await commands_of_a_look() == few


async def test_a_queue_is_unattended_from_the_look_that_missed_its_worker(
    runner: AsyncRunner, driver: QueueDriver, client: redis.Redis
) -> None:
    collector = collector_of(runner, driver)
    workers = SyncRunner(client)
    # Given a worker for the queue
    workers.run(report_worker(NAMESPACE, report("w1", QUEUE, "exports")))
    assert (await queue_of(collector)).unattended_since_ms is None
    # When it says goodbye, and one that consumes another queue comes
    workers.run(forget_worker(NAMESPACE, "w1"))
    workers.run(report_worker(NAMESPACE, report("w2", "exports")))
    driver.now_ms += 1_000
    # Then nobody attends to it since then
    since_ms = driver.now_ms
    assert (await queue_of(collector)).unattended_since_ms == since_ms
    driver.now_ms += 1_000
    assert (await queue_of(collector)).unattended_since_ms == since_ms
    # And until the next worker comes
    workers.run(report_worker(NAMESPACE, report("w3", QUEUE)))
    assert (await queue_of(collector)).unattended_since_ms is None


async def test_workers_are_listed_by_id(
    runner: AsyncRunner, driver: QueueDriver, client: redis.Redis
) -> None:
    for name in ("w2", "w1", "w3"):
        SyncRunner(client).run(report_worker(NAMESPACE, report(name, QUEUE)))
    # The register itself is in the order of reports: this one's is the oldest
    client.zincrby("{bothsides:workers}:seen", -5, "w3")
    facts = await facts_of(collector_of(runner, driver))
    assert [worker.worker_id for worker in facts.workers] == ["w1", "w2", "w3"]
    assert all(worker.reported_ms > 0 for worker in facts.workers)


async def test_facts_are_as_old_as_the_start_of_their_look(runner: AsyncRunner, driver: QueueDriver) -> None:
    """What was read first is the oldest of it, so a slow look finds old facts."""
    own_clock = Counter(ms=1_000)

    def store_clock() -> int:
        own_clock["ms"] += 40  # the look takes its time
        return driver.now_ms

    collector = Collector(runner, NAMESPACE, store_clock=store_clock, monotonic_ms=lambda: own_clock["ms"])
    await collector.look()
    assert collector.reading().age_ms == 40
    own_clock["ms"] += 100
    assert collector.reading().age_ms == 140


async def test_a_queue_that_is_gone_is_forgotten(
    runner: AsyncRunner, driver: QueueDriver, client: redis.Redis
) -> None:
    collector = collector_of(runner, driver)
    driver.submit()
    driver.now_ms += 60_000
    assert counted((await queue_of(collector)).last_minute) == {"submitted": 1}
    # When the server is emptied, and the queue declared again
    client.flushall()
    assert (await facts_of(collector)).queues == ()
    SyncRunner(client).run(declare_queue(NAMESPACE, QUEUE))
    # Then nothing of before is remembered
    assert counted((await queue_of(collector)).last_hour) == Counter()


async def test_namespaces_do_not_see_each_other(
    runner: AsyncRunner, driver: QueueDriver, client: redis.Redis
) -> None:
    other = QueueDriver(client, "exports", START_MS, namespace="other")
    other.submit()
    facts = await facts_of(collector_of(runner, driver))
    assert [queue.queue for queue in facts.queues] == [QUEUE]


async def test_lost_workers_failures_and_a_desertion_are_seen_in_the_facts(
    runner: AsyncRunner, driver: QueueDriver, client: redis.Redis
) -> None:
    """From the store's scripts to the rules: the issues are those of what truly happened."""
    collector = collector_of(runner, driver)
    SyncRunner(client).run(report_worker(NAMESPACE, report("w1", QUEUE)))
    # Given five jobs that fail, and one whose worker vanishes
    for _ in range(5):
        driver.submit()
        driver.finish(driver.fetch()[0], FAIL)
    driver.submit()
    driver.fetch()
    driver.now_ms += driver.lease_ms
    # When the next worker takes the lost job over
    assert len(driver.fetch()) == 1
    # Then both are told
    issues = issues_of(await facts_of(collector), Thresholds())
    assert [issue.code for issue in issues] == ["FAILURE_RATE", "WORKERS_LOST"]
    assert "5 of 5 jobs" in issues[0].message
    assert issues[1].message.startswith("1 attempt ")
    # And when that worker leaves for good, nobody takes the job back
    SyncRunner(client).run(forget_worker(NAMESPACE, "w1"))
    await collector.look()
    driver.now_ms += 30_000
    worst = issues_of(await facts_of(collector), Thresholds())[0]
    assert (worst.code, worst.severity) == ("QUEUE_WITHOUT_WORKERS", Severity.UNHEALTHY)
    # And ten minutes after, the failures and the loss are forgiven
    driver.now_ms += 11 * 60_000
    codes = [issue.code for issue in issues_of(await facts_of(collector), Thresholds())]
    assert codes == ["QUEUE_WITHOUT_WORKERS", "NO_WORKERS"]


async def test_the_recommended_command_resumes_a_paused_queue(
    runner: AsyncRunner, driver: QueueDriver, client: redis.Redis
) -> None:
    collector = collector_of(runner, driver)
    # Given a paused queue
    driver.submit()
    client.hset(driver.keys.config, "paused", "1")
    assert driver.fetch() == []
    facts = await facts_of(collector)
    assert facts.queues[0].paused
    (issue,) = [issue for issue in issues_of(facts, Thresholds()) if issue.code == "QUEUE_PAUSED"]
    # When somebody does what the issue recommends
    command = shlex.split(issue.recommendation.partition("$REDIS_URL ")[2])
    client.execute_command(*command)  # type: ignore[no-untyped-call]
    # Then it is no longer paused
    assert not (await queue_of(collector)).paused
    assert len(driver.fetch()) == 1
