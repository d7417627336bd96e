"""What is wrong, judged from facts alone: no clock, no store, no memory of earlier looks.

Each rule reads facts and yields issues. An issue says what is wrong with its numbers, and recommends
the exact call or command. A queue's rules are ordered from cause to symptom and only the first that applies
speaks, so that one missing worker is one issue and not three.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from common.job import types
from common.store.keys import QueueKeys
from common.store.weaknesses import weaknesses_of
from common.store.workers import room_of
from monitor.facts import Facts, QueueFacts, Reading
from monitor.minutes import LATELY_MINUTES, RECENT_MINUTES


class Severity(IntEnum):
    """How bad it is; a greater one is worse. Missing facts are worst: then nothing else can be believed."""

    #: Nothing needs a person.
    HEALTHY = 1
    #: Work goes on, but something is wrong.
    DEGRADED = 2
    #: Work does not go on.
    UNHEALTHY = 3
    #: The facts are missing or too old.
    UNKNOWN = 4


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong."""

    #: A constant in UPPER_SNAKE_CASE that programs may rely on.
    code: str
    severity: Severity
    #: For people, with the numbers.
    message: str
    #: What to do: an exact call or command.
    recommendation: str
    #: The queue that it concerns; "" for the whole system.
    queue: str = ""

    @property
    def subject(self) -> tuple[str, str]:
        """What makes two issues of different looks the same one."""
        return self.code, self.queue


#: How long a ready job may wait before its queue is late (ms). Interactive work is waited for by a person;
#: upkeep by nobody.
_OLDEST_PENDING_MS: Final = MappingProxyType(
    {
        types.AI_ANALYSIS: 60_000,
        types.NOTIFICATIONS: 30_000,
        types.DATA_PROCESSING: 300_000,
        types.EXPORTS: 300_000,
        types.MAINTENANCE: 3_600_000,
    }
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When something counts as wrong."""

    #: Facts older than this say nothing about now: five looks were missed.
    stale_after_ms: int = 5_000
    #: A worker takes this long to start or to be replaced; until then a queue without one is DEGRADED only,
    #: so that a rolling deploy or a scale-up from zero is not an outage.
    unattended_grace_ms: int = 30_000
    oldest_pending_ms: Mapping[str, int] = field(default_factory=lambda: _OLDEST_PENDING_MS)
    other_oldest_pending_ms: int = 300_000
    #: A free slot takes a ready job within milliseconds; this long without any start is no accident. At least
    #: the whole minutes that `started_lately` covers.
    stalled_after_ms: int = LATELY_MINUTES * 60_000
    #: Failed jobs of all that succeeded or failed.
    failed_share: float = 0.20
    #: Below this a share of few jobs would cry wolf: one failure of two is not an outage.
    failed_least: int = 5
    #: Attempts whose worker vanished.
    lost_least: int = 1

    def oldest_pending_for_ms(self, queue: str) -> int:
        """Return how long a ready job of `queue` may wait."""
        return self.oldest_pending_ms.get(queue, self.other_oldest_pending_ms)


def unknown_of(reading: Reading, thresholds: Thresholds) -> Issue | None:
    """Return why the facts cannot be believed, or None if they can."""
    if reading.age_ms is not None and reading.age_ms <= thresholds.stale_after_ms:
        return None
    since = "were never read" if reading.age_ms is None else f"are {_seconds(reading.age_ms)} old"
    if reading.store_away:
        return Issue(
            "STORE_UNREACHABLE",
            Severity.UNKNOWN,
            f"the store does not answer; the facts {since}",
            "check that the server runs and is reachable from here: valkey-cli -u $REDIS_URL PING",
        )
    return Issue(
        "FACTS_STALE",
        Severity.UNKNOWN,
        f"the facts {since}, though the store did not refuse",
        "a monitor that has just started needs a second; after that, read its log and restart it",
    )


def issues_of(facts: Facts, thresholds: Thresholds) -> list[Issue]:
    """Return everything that is wrong, worst first."""
    issues = [*_servers(facts), *_no_workers(facts), *_retiring(facts)]
    for queue in facts.queues:
        cause = next(_not_moving(facts, queue, thresholds), None)
        if cause is not None:
            issues.append(cause)
        issues.extend(_failing(queue, thresholds))
        issues.extend(_losing_workers(queue, thresholds))
    return worst_first(issues)


def worst_first(issues: list[Issue]) -> list[Issue]:
    """Return issues in the order that people should read them; the same issues always in the same order."""
    return sorted(issues, key=lambda issue: (-issue.severity, issue.code, issue.queue))


def _servers(facts: Facts) -> Iterator[Issue]:
    for weakness in weaknesses_of(facts.servers, replicated=facts.replicated):
        severity = Severity.UNHEALTHY if weakness.grave else Severity.DEGRADED
        yield Issue(weakness.code, severity, weakness.message, weakness.recommendation)


def _no_workers(facts: Facts) -> Iterator[Issue]:
    if not facts.workers:
        yield Issue(
            "NO_WORKERS",
            Severity.DEGRADED,
            "no worker has reported in the last 15 s; a job submitted now would wait",
            "start one: python -m analysis_worker",
        )


def _retiring(facts: Facts) -> Iterator[Issue]:
    """A model that is switched off fails every job that names none, unless another is asked in its place."""
    told = Counter(warning for worker in facts.workers for warning in worker.retiring)
    if told:
        yield Issue(
            "MODEL_RETIRING",
            Severity.DEGRADED,
            "; ".join(f"{warning} ({_workers(count)})" for warning, count in sorted(told.items())),
            "start the workers with another OPENAI_MODEL or OPENAI_MODERATION_MODEL; "
            "QueueService.ListProviderLimits names those in use",
        )


def _not_moving(facts: Facts, queue: QueueFacts, thresholds: Thresholds) -> Iterator[Issue]:
    """Yield why a queue's jobs wait, the cause before its symptoms."""
    yield from _paused(facts, queue)
    yield from _without_workers(queue, thresholds)
    yield from _stalled(facts, queue, thresholds)
    yield from _late(facts, queue, thresholds)


def _paused(facts: Facts, queue: QueueFacts) -> Iterator[Issue]:
    """A pause is somebody's wish, so it is wrong only once jobs wait for its end."""
    if queue.paused:
        config = QueueKeys(facts.namespace, queue.queue).config
        yield Issue(
            "QUEUE_PAUSED",
            Severity.DEGRADED if queue.pending else Severity.HEALTHY,
            f"the queue is paused and {_jobs(queue.pending)} wait{_s(queue.pending)} for its end",
            f"resume it when the reason is gone: valkey-cli -u $REDIS_URL HDEL '{config}' paused",
            queue.queue,
        )


def _without_workers(queue: QueueFacts, thresholds: Thresholds) -> Iterator[Issue]:
    """Work that nobody will take: UNHEALTHY once both the work and the absence have lasted.

    Leased and retrying jobs count as well: only a fetching worker takes back an expired lease.
    """
    if queue.unattended_since_ms is None or not queue.pending + queue.running + queue.retrying:
        return
    waited_ms = queue.read_ms - queue.unattended_since_ms
    if not queue.running + queue.retrying:
        waited_ms = min(waited_ms, queue.oldest_pending_age_ms)
    lasting = waited_ms >= thresholds.unattended_grace_ms
    yield Issue(
        "QUEUE_WITHOUT_WORKERS",
        Severity.UNHEALTHY if lasting else Severity.DEGRADED,
        f"{queue.pending} pending, {queue.running} leased and {queue.retrying} retrying jobs, "
        f"but no worker has consumed the queue for {_seconds(queue.read_ms - queue.unattended_since_ms)}",
        f"start a worker for it: {_worker_command(queue.queue)}",
        queue.queue,
    )


def _stalled(facts: Facts, queue: QueueFacts, thresholds: Thresholds) -> Iterator[Issue]:
    """Workers report and have free slots, jobs are ready, and yet none starts: the workers are stuck."""
    consumers = facts.consumers(queue.queue)
    free = room_of(consumers, queue.queue, leased=queue.running, most=None).free
    if free and queue.oldest_pending_age_ms >= thresholds.stalled_after_ms and not queue.started_lately:
        names = ", ".join(worker.worker_id for worker in consumers[:3])
        yield Issue(
            "QUEUE_STALLED",
            Severity.UNHEALTHY,
            f"{_jobs(queue.pending)} wait{_s(queue.pending)}, the oldest for "
            f"{_seconds(queue.oldest_pending_age_ms)}; {_workers(len(consumers))} with {free} free "
            f"slot{'' if free == 1 else 's'} started none in the last {LATELY_MINUTES} minutes",
            f"restart its workers ({names}); their leased jobs go to another worker within a lease",
            queue.queue,
        )


def _late(facts: Facts, queue: QueueFacts, thresholds: Thresholds) -> Iterator[Issue]:
    objective_ms = thresholds.oldest_pending_for_ms(queue.queue)
    if queue.oldest_pending_age_ms > objective_ms:
        consumers = facts.consumers(queue.queue)
        slots = sum(worker.slots_for(queue.queue) for worker in consumers)
        yield Issue(
            "BACKLOG_OLD",
            Severity.DEGRADED,
            f"{_jobs(queue.pending)} wait{_s(queue.pending)}, the oldest for "
            f"{_seconds(queue.oldest_pending_age_ms)}, over the objective of {_seconds(objective_ms)}; "
            f"{queue.running} run in {slots} slots of {_workers(len(consumers))}",
            f"add a worker: {_worker_command(queue.queue)}",
            queue.queue,
        )


def _failing(queue: QueueFacts, thresholds: Thresholds) -> Iterator[Issue]:
    failed = queue.recent.totals.get("failed", 0)
    ended = failed + queue.recent.totals.get("succeeded", 0)
    if failed >= thresholds.failed_least and failed >= thresholds.failed_share * ended:
        yield Issue(
            "FAILURE_RATE",
            Severity.DEGRADED,
            f"{failed} of {ended} jobs that ended in the last {RECENT_MINUTES} minutes failed "
            f"({failed / ended:.0%}; the objective is under {thresholds.failed_share:.0%})",
            "look at their errors: JobService.ListJobs with filter "
            f"`queue = {queue.queue} AND state = FAILED`; JobService.RetryJob starts one again",
            queue.queue,
        )


def _losing_workers(queue: QueueFacts, thresholds: Thresholds) -> Iterator[Issue]:
    lost = queue.recent.totals.get("lost", 0)
    if lost >= thresholds.lost_least:
        yield Issue(
            "WORKERS_LOST",
            Severity.DEGRADED,
            f"{lost} attempt{'' if lost == 1 else 's'} in the last {RECENT_MINUTES} minutes lost the worker; "
            "the jobs were given to others, or up after the third loss",
            "compare MonitorService.ListWorkers with what should run; look on those hosts for workers that "
            "were killed for their memory",
            queue.queue,
        )


def _worker_command(queue: str) -> str:
    actors = "" if queue in types.QUEUES else "WORKER_ACTOR_MODULES=<modules of its actors> "
    return f"{actors}WORKER_QUEUES={queue} python -m analysis_worker"


def _jobs(count: int) -> str:
    return f"{count} ready job{'' if count == 1 else 's'}"


def _workers(count: int) -> str:
    return f"{count} worker{'' if count == 1 else 's'}"


def _s(count: int) -> str:
    """Return the ending of a verb whose subject is `count` things."""
    return "s" if count == 1 else ""


def _seconds(ms: int) -> str:
    return f"{ms / 1_000:.0f} s"
