"""A queue as plain Python: what the scripts should do, with nothing of how they do it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from common.job.limits import QueueSettings, TenantLimits, Window
from common.job.model import DuplicatePolicy
from common.job.priority import ALLOWANCE_MS, Priority
from common.job.states import Action, JobState, next_state
from common.store.jobs import EXPECTED_RUN_MS

#: As the scripts have them.
SUSPECT_AFTER = 2
LOST_ALONE_MAX = 2
RETRY_LEAST = 20
#: A budget for memory spares what ended less than so long ago (ms).
JUST_ENDED_MS = 10_000
#: The order in which final jobs give way to it.
GIVING_WAY = (JobState.SUCCEEDED, JobState.CANCELLED, JobState.EXPIRED, JobState.FAILED)


@dataclass
class ModelJob:
    """What the model knows of a job."""

    job_id: str
    tenant: str
    priority: Priority
    created_ms: int
    score: int
    expire_ms: int | None
    state: JobState
    unique_key: str = ""
    attempt: int = 0
    spent: int = 0
    lost: int = 0
    lost_alone: int = 0
    #: It runs, or last ran, alone in its worker.
    alone: bool = False
    suspect: bool = False
    #: When a waiting job is due, or a leased one's lease ends.
    at_ms: int = 0
    #: It waits for `at_ms`, whatever its state is called.
    waits: bool = False
    finished: tuple[int, JobState] | None = None
    asked_to_stop: bool = False

    #: When it ended; None while it has not.
    ended_ms: int | None = None
    #: It has moved since it was submitted, and stands half a millisecond from its place of then.
    moved: bool = False

    @property
    def place(self) -> float:
        return self.score + (0 if not self.moved else 0.5 if self.score >= 0 else -0.5)

    def act(self, action: Action) -> None:
        self.state = next_state(self.state, action)


def longer(window: Window) -> int:
    """Return the period (ms) that the scripts count a window by."""
    return window.period_ms + min(250, math.ceil(window.period_ms * 0.01))


@dataclass
class ModelQueue:
    """One queue: the same operations as the scripts, on a clock that is passed in."""

    lease_ms: int
    jobs: dict[str, ModelJob] = field(default_factory=dict)
    requests: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    uniques: dict[tuple[str, str], str] = field(default_factory=dict)
    settings: QueueSettings = field(default_factory=QueueSettings)
    #: Virtual time of tenants that stand in line, and of the queue.
    tenants: dict[str, float] = field(default_factory=dict)
    #: Tenants that a limit of their own holds, by when it may clear.
    held: dict[str, float] = field(default_factory=dict)
    vtime: float = 0.0
    #: Times of starts while a window counted them: the queue's by "", a tenant's by its name.
    counted: dict[str, list[int]] = field(default_factory=dict)
    #: Times of all starts, and of the retries that were let through.
    starts: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    submitted: int = 0
    started: int = 0

    def ready(self, tenant: str) -> list[ModelJob]:
        """Return the tenant's jobs that may start, in their order."""
        found = [
            job
            for job in self.jobs.values()
            if job.tenant == tenant and job.state is JobState.PENDING and not job.waits
        ]
        return sorted(found, key=lambda job: (job.place, job.job_id))

    def leased(self, tenant: str | None = None) -> int:
        return sum(job.state.is_leased and tenant in (None, job.tenant) for job in self.jobs.values())

    def submit(
        self,
        job_id: str,
        now_ms: int,
        *,
        tenant: str,
        priority: Priority,
        delay_ms: int,
        deadline_ms: int | None,
        ttl_ms: int | None,
        request_id: str,
        digest: str,
        unique_key: str = "",
        policy: DuplicatePolicy = DuplicatePolicy.USE_EXISTING,
    ) -> tuple[str, str]:
        """Return what became of it, and an id."""
        if job_id in self.jobs:
            return "accepted", job_id
        if request_id and (claimed := self.requests.get((tenant, request_id))) is not None:
            return ("repeated" if claimed[1] == digest else "reused"), claimed[0]
        holder = self.jobs.get(self.uniques.get((tenant, unique_key), ""))
        if policy is DuplicatePolicy.RUN:
            holder = None
        if unique_key and holder is not None and not holder.state.is_final:
            if policy is DuplicatePolicy.USE_EXISTING:
                return "existing", holder.job_id
            if policy is DuplicatePolicy.REJECT:
                return "rejected", holder.job_id
            if not holder.state.is_leased and self._refusal(-1) is None:
                self.cancel(holder.job_id, tenant, now_ms)
        if (refusal := self._refusal(0)) is not None:
            return refusal
        if request_id:
            self.requests[tenant, request_id] = (job_id, digest)
        if unique_key:
            self.uniques[tenant, unique_key] = job_id
        start_ms = now_ms + delay_ms
        score = start_ms + ALLOWANCE_MS[priority]
        if deadline_ms is not None and priority is not Priority.CRITICAL:
            score = min(score, deadline_ms - EXPECTED_RUN_MS)
        job = ModelJob(
            job_id,
            tenant,
            priority,
            now_ms,
            score,
            None if ttl_ms is None else now_ms + ttl_ms,
            JobState.SCHEDULED if delay_ms > 0 else JobState.PENDING,
            unique_key,
            at_ms=start_ms,
            waits=delay_ms > 0,
        )
        self.jobs[job_id] = job
        self.submitted += 1
        if not job.waits:
            self._make_ready(job)
            job.moved = False
        return "accepted", job_id

    def _refusal(self, waiting: int) -> tuple[str, str] | None:
        """Return why nothing is taken with so many jobs more than wait now."""
        if self.settings.draining:
            return "draining", ""
        waiting += sum(not job.state.is_final and not job.state.is_leased for job in self.jobs.values())
        if self.settings.depth is not None and waiting >= self.settings.depth:
            return "full", str(self.settings.depth)
        return None

    # -- fetching --------------------------------------------------------------------------------

    def fetch(self, want: int, now_ms: int, *, alone: bool = False) -> list[str]:
        """Return the leased members."""
        members = self._fetch(want, now_ms, alone=alone)
        self._end(now_ms)
        return members

    def _fetch(self, want: int, now_ms: int, *, alone: bool) -> list[str]:
        self.reclaim(now_ms)
        want = min(want, self.room(now_ms))
        members: list[str] = []
        if want <= 0:
            return members
        suspects = [job for job in self.jobs.values() if job.suspect and job.at_ms <= now_ms]
        if alone and suspects:
            members += self._start(min(suspects, key=lambda job: (job.at_ms, job.job_id)), now_ms, alone=True)
        if members:
            return members
        while len(members) < want and (tenant := self._next_tenant(now_ms)) is not None:
            job = self.ready(tenant)[0]
            self.vtime = max(self.vtime, self.tenants[tenant])
            self.tenants[tenant] += 1 / self._limits(tenant).weight
            members += self._start(job, now_ms, alone=False)
            if not self.ready(tenant):
                del self.tenants[tenant]
        # A tenant that is out of room is held at once, also when its turn does not come again.
        for tenant in list(self.tenants):
            if members and any(
                member.startswith(f"{job_id}/") for member in members for job_id in self._of(tenant)
            ):
                self._hold_if_full(tenant, now_ms)
        return members

    def _of(self, tenant: str) -> list[str]:
        return [job.job_id for job in self.jobs.values() if job.tenant == tenant]

    def _next_tenant(self, now_ms: int) -> str | None:
        while self.tenants:
            tenant = min(self.tenants, key=lambda name: (self.tenants[name], name))
            if not self._hold_if_full(tenant, now_ms):
                return tenant
        return None

    def _hold_if_full(self, tenant: str, now_ms: int) -> bool:
        clears = self._tenant_clears(tenant, now_ms)
        if clears is None:
            return False
        del self.tenants[tenant]
        self.held[tenant] = clears
        return True

    def _start(self, job: ModelJob, now_ms: int, *, alone: bool) -> list[str]:
        job.suspect = job.waits = False
        if job.expire_ms is not None and job.expire_ms <= now_ms:
            job.act(Action.EXPIRE)
            return []
        job.act(Action.CLAIM)
        job.attempt += 1
        job.alone = alone
        job.at_ms = now_ms + self.lease_ms
        self.started += 1
        self.starts.append(now_ms)
        self._count("", self.settings.window, now_ms)
        if not alone:
            self._count(job.tenant, self._limits(job.tenant).window, now_ms)
        return [f"{job.job_id}/{job.attempt}"]

    def _count(self, whose: str, window: Window | None, now_ms: int) -> None:
        if window is None:
            return
        since = now_ms - window.period_ms - 250
        self.counted[whose] = [*(at for at in self.counted.get(whose, []) if at > since), now_ms]

    def room(self, now_ms: int) -> int:
        """Return how many more jobs the queue's own gates let start."""
        settings = self.settings
        if settings.paused and not (settings.resume_at_ms is not None and settings.resume_at_ms <= now_ms):
            return 0
        rooms = [1_000_000]
        if settings.concurrency is not None:
            rooms.append(settings.concurrency - self.leased())
        if settings.window is not None:
            rooms.append(settings.window.count - len(self._in_window(settings.window, now_ms)))
        return min(rooms)

    def _in_window(self, window: Window, now_ms: int, whose: str = "") -> list[int]:
        since = now_ms - longer(window)
        return sorted(at for at in self.counted.get(whose, []) if at > since)

    def _limits(self, tenant: str) -> TenantLimits:
        return self.settings.tenants.get(tenant, TenantLimits())

    def _tenant_clears(self, tenant: str, now_ms: int) -> float | None:
        """Return when the limit that holds a tenant back may clear; None if none does."""
        limits = self._limits(tenant)
        full: list[tuple[int, float]] = []
        if limits.concurrency is not None:
            full.append((limits.concurrency - self.leased(tenant), math.inf))
        if limits.window is not None:
            times = self._in_window(limits.window, now_ms, tenant)
            over = len(times) - limits.window.count
            full.append((-over, times[over] + longer(limits.window) if over >= 0 else math.inf))
        if not full:
            return None
        room, clears = min(full, key=lambda gate: gate[0])
        return clears if room <= 0 else None

    # -- what time brings about ------------------------------------------------------------------

    def reclaim(self, now_ms: int) -> None:
        for job in self.jobs.values():
            waits = not job.state.is_final and not job.state.is_leased
            if waits and job.expire_ms is not None and job.expire_ms <= now_ms:
                self._unqueue(job)
                job.act(Action.EXPIRE)
        for job in [
            job for job in self.jobs.values() if job.waits and job.at_ms <= now_ms and not job.suspect
        ]:
            if job.state in (JobState.SCHEDULED, JobState.PENDING):
                if job.state is JobState.SCHEDULED:
                    job.act(Action.PROMOTE)
                self._make_ready(job)
        self._promote_retries(now_ms)
        self._take_back(now_ms)
        for tenant in [tenant for tenant, clears in self.held.items() if clears <= now_ms]:
            self._release(tenant)

    def _promote_retries(self, now_ms: int) -> None:
        due = [job for job in self.jobs.values() if job.state is JobState.RETRYING and job.at_ms <= now_ms]
        minute = now_ms // 60_000
        recent = sum(at // 60_000 >= minute - 1 for at in self.starts)
        spent = sum(at // 60_000 >= minute - 1 for at in self.repeated)
        left = max(RETRY_LEAST, int(max(0, recent - spent) * 0.2)) - spent
        for job in sorted(due, key=lambda job: (job.at_ms, job.job_id))[: max(0, left)]:
            job.act(Action.PROMOTE)
            self.repeated.append(now_ms)
            self._make_ready(job)

    def _take_back(self, now_ms: int) -> None:
        for job in [job for job in self.jobs.values() if job.state.is_leased and job.at_ms <= now_ms]:
            job.lost += 1
            stopping = job.asked_to_stop
            job.asked_to_stop = False
            if not stopping and job.alone:
                job.lost_alone += 1
                if job.lost_alone >= LOST_ALONE_MAX:
                    job.act(Action.QUARANTINE)
                    self._release(job.tenant)
                    continue
            job.act(Action.LOSE)
            self._release(job.tenant)
            if job.state is not JobState.PENDING:
                continue
            if job.lost < SUSPECT_AFTER:
                self._make_ready(job)
            else:
                job.suspect = job.waits = True
                job.at_ms = now_ms + min(300_000, 1_000 * 2 ** (job.lost - SUSPECT_AFTER))

    def sweep(self, now_ms: int) -> None:
        """What time alone brings about, and the memory budget, by which here any job is too much."""
        self.reclaim(now_ms)
        for state in GIVING_WAY:
            count, length_ms = self.settings.kept(state)
            self._trim(state, count, now_ms - length_ms, 100)
        if self.settings.memory_bytes is not None:
            for state in GIVING_WAY:
                self._trim(state, self.settings.kept(state)[0], now_ms - JUST_ENDED_MS, len(self.jobs))
        self._end(now_ms)

    def _end(self, now_ms: int) -> None:
        """Note what became final in a call; of each of these states, what is old enough goes."""
        ended = Counter[JobState]()
        for job in self.jobs.values():
            if job.state.is_final and job.ended_ms is None:
                job.ended_ms = now_ms
                ended[job.state] += 1
        for state, jobs in ended.items():
            count, length_ms = self.settings.kept(state)
            self._trim(state, count, now_ms - length_ms, 8 + jobs)

    def _trim(self, state: JobState, least: int, before_ms: int, most: int) -> None:
        """Remove up to `most` final jobs of a state that ended by then, but none of the last `least`."""
        held = sorted(
            (job.ended_ms, job.job_id)
            for job in self.jobs.values()
            if job.state is state and job.ended_ms is not None
        )
        surplus = max(0, len(held) - least)
        old = [job_id for ended_ms, job_id in held if ended_ms <= before_ms]
        for job_id in old[: min(surplus, most)]:
            del self.jobs[job_id]

    # -- workers and operators -------------------------------------------------------------------

    def holder(self, member: str) -> ModelJob | None:
        """Return the job whose present lease is `member`."""
        job_id, _, attempt = member.rpartition("/")
        job = self.jobs.get(job_id)
        held = job is not None and job.state.is_leased and job.attempt == int(attempt)
        return job if held else None

    def renew(self, member: str, now_ms: int) -> int:
        job = self.holder(member)
        if job is None:
            return 0
        job.at_ms = now_ms + self.lease_ms
        return 2 if job.asked_to_stop else 1

    def finish(self, member: str, action: Action, delay_ms: int, now_ms: int) -> JobState | None:
        job = self.holder(member)
        if job is None:
            job_id, _, attempt = member.rpartition("/")
            known = self.jobs.get(job_id)
            if known is not None and known.finished is not None and known.finished[0] == int(attempt):
                return known.finished[1]
            return None
        job.act(action)
        job.asked_to_stop = False
        job.finished = (job.attempt, job.state)
        if action not in (Action.RELEASE, Action.CONFIRM_CANCEL):
            job.spent += 1
        job.waits = False
        if job.state is JobState.RETRYING or (job.state is JobState.PENDING and delay_ms > 0):
            job.at_ms, job.waits = now_ms + delay_ms, True
        elif job.state is JobState.PENDING:
            self._make_ready(job)
        self._release(job.tenant)
        self._end(now_ms)
        return job.state

    def cancel(self, job_id: str, tenant: str, now_ms: int) -> tuple[bool, JobState | None]:
        job = self.jobs.get(job_id)
        if job is None or job.tenant != tenant:
            return False, None
        if job.state.is_leased:
            job.act(Action.CANCEL)
            job.asked_to_stop = True
        elif not job.state.is_final:
            self._unqueue(job)
            job.act(Action.CANCEL)
            self._end(now_ms)
        return job.state in (JobState.CANCELLED, JobState.CANCELLING), job.state

    def retry(self, job_id: str, tenant: str, now_ms: int) -> tuple[bool, JobState | None]:
        job = self.jobs.get(job_id)
        if job is None or job.tenant != tenant:
            return False, None
        if job.state not in (JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED):
            return False, job.state
        job.act(Action.RETRY)
        job.ended_ms = None
        job.spent, job.lost, job.lost_alone, job.alone, job.expire_ms = 0, 0, 0, False, None
        job.score = now_ms + ALLOWANCE_MS[job.priority]
        self._make_ready(job)
        return True, job.state

    def delete(self, job_id: str, tenant: str) -> tuple[bool, JobState | None]:
        job = self.jobs.get(job_id)
        if job is None or job.tenant != tenant:
            return False, None
        if job.state.is_final:
            del self.jobs[job_id]
        return job.state.is_final, job.state

    def configure(self, settings: QueueSettings) -> None:
        self.settings = settings
        for tenant in list(self.held):
            self._release(tenant)

    # -- the line --------------------------------------------------------------------------------

    def _make_ready(self, job: ModelJob) -> None:
        job.waits = job.suspect = False
        job.moved = True
        if job.tenant not in self.held:
            self.tenants.setdefault(job.tenant, self.vtime)

    def _release(self, tenant: str) -> None:
        if self.held.pop(tenant, None) is not None and self.ready(tenant):
            self.tenants.setdefault(tenant, self.vtime)

    def _unqueue(self, job: ModelJob) -> None:
        """Take a waiting job out of wherever it waits."""
        was_ready = job.state is JobState.PENDING and not job.waits
        job.waits = True
        job.suspect = False
        if was_ready and not self.ready(job.tenant):
            self.tenants.pop(job.tenant, None)
            self.held.pop(job.tenant, None)
        job.waits = False
