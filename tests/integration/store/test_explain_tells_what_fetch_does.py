"""An explanation is no guess: a job without blockers is the one that the next fetch starts, and the only one.

Random lives of a queue, with tenants, weights, limits, windows, pauses, ramps, retries, snoozes and lost
leases, on the test's own clock; before every fetch all jobs that wait are explained.
"""

from __future__ import annotations

import random
from collections import Counter

import redis

from common.job.ids import JobId
from common.job.limits import TenantLimits, Window
from common.job.model import ErrorClass, JobError
from common.job.outcome import Outcome, Release, Retry, Succeed
from common.job.priority import Priority
from common.store import jobs, queue_settings
from common.store.jobs import BlockerKind, Lease
from support.store import Queue

TENANTS = ("amber", "blue", "coral")
LIVES, STEPS = 6, 70
BROKEN = JobError(ErrorClass.TRANSIENT, "BROKEN")

#: What holds a job's paid calls, and not its place in the queue.
OF_PAID_CALLS = {BlockerKind.CIRCUIT, BlockerKind.PROVIDER_LIMIT, BlockerKind.BUDGET}


class Life:
    """One queue and what is known of it from outside."""

    def __init__(self, client: redis.Redis, seed: int) -> None:
        self.chance = random.Random(seed)
        self.queue = Queue(client)
        self.tenants: dict[JobId, str] = {}
        self.held: list[Lease] = []
        #: How often each blocker was seen, so that a test knows what it has tried.
        self.seen: Counter[BlockerKind] = Counter()

    def change(self) -> None:
        """Do one random thing to the queue."""
        chance = self.chance
        match chance.randrange(10):
            case 0 | 1 | 2:
                tenant = chance.choice(TENANTS)
                delay_ms = chance.choice((0, 0, 0, 5_000))
                priority = chance.choice(tuple(Priority))
                job_id = self.queue.submit(tenant=tenant, delay_ms=delay_ms, priority=priority)
                self.tenants[job_id] = tenant
            case 3 | 4 if self.held:
                lease = self.held.pop(chance.randrange(len(self.held)))
                self.queue.finish(lease, self._outcome())
            case 5 | 6:
                self.queue.now_ms += chance.choice((1, 400, 3_000, 40_000))
            case 7:
                self.queue.run(queue_settings.configure(self.queue.keys, self._limits()))
            case 8:
                self._pause_or_resume()
            case _:
                self.held += self.queue.fetch(2)

    def explained(self) -> dict[JobId, list[BlockerKind]]:
        """Return the blockers of every job that waits."""
        found: dict[JobId, list[BlockerKind]] = {}
        for job_id, tenant in self.tenants.items():
            operation = jobs.explain(self.queue.keys, job_id, tenant=tenant, now_ms=self.queue.now_ms)
            explanation = self.queue.run(operation)
            if explanation is not None and not (explanation.state.is_final or explanation.state.is_leased):
                found[job_id] = [blocker.kind for blocker in explanation.blockers]
                self.seen.update(found[job_id])
        return found

    def _outcome(self) -> Outcome:
        ways = (Succeed(), Retry(BROKEN, 0), Retry(BROKEN, 4_000), Release(2_000, "LIMIT"))
        return self.chance.choice(ways)

    def _limits(self) -> dict[str, str | None]:
        chance = self.chance
        limits = TenantLimits(
            chance.choice((0.5, 1, 3)), chance.choice((None, 1, 2)), chance.choice((None, Window(2, 9_000)))
        )
        return {
            "concurrency": chance.choice((None, "2", "4")),
            "window": chance.choice((None, "3/9000")),
            "retry_least": chance.choice((None, "1")),
            f"tenant:{chance.choice(TENANTS)}": chance.choice((None, str(limits))),
        }

    def _pause_or_resume(self) -> None:
        keys, now_ms = self.queue.keys, self.queue.now_ms
        match self.chance.randrange(3):
            case 0:
                self.queue.run(queue_settings.pause(keys, resume_at_ms=now_ms + 2_000, now_ms=now_ms))
            case 1:
                self.queue.run(queue_settings.resume(keys, now_ms=now_ms))
            case _:
                self.queue.run(queue_settings.resume(keys, ramp_ms=30_000, slots=3, now_ms=now_ms))


def test_a_job_without_blockers_is_the_next_to_start(client: redis.Redis) -> None:
    seen: Counter[BlockerKind] = Counter()
    for seed in range(LIVES):
        client.flushall()
        life = Life(client, seed)
        for step in range(STEPS):
            life.change()
            life.queue.look(0)  # what is due moves up now, and not between the question and its answer
            blockers = life.explained()

            leases = life.queue.fetch(1)

            free = {job_id for job_id, kinds in blockers.items() if not kinds}
            assert free == {lease.job_id for lease in leases}, (seed, step, blockers)
            life.held += leases
        seen += life.seen

    assert set(seen) == set(BlockerKind) - OF_PAID_CALLS, seen  # all others were in these lives
