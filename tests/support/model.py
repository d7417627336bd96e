"""A queue as plain Python: what the scripts should do, with nothing of how they do it."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.job.priority import ALLOWANCE_MS, Priority
from common.job.states import Action, JobState, next_state
from common.store.jobs import EXPECTED_RUN_MS, MAX_LOST


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
    attempt: int = 0
    spent: int = 0
    lost: int = 0
    #: When a waiting job is due, or a leased one's lease ends.
    at_ms: int = 0
    #: It waits for `at_ms`, whatever its state is called.
    waits: bool = False
    finished: tuple[int, JobState] | None = None
    asked_to_stop: bool = False

    def act(self, action: Action) -> None:
        self.state = next_state(self.state, action)


@dataclass
class ModelQueue:
    """One queue: the same operations as the scripts, on a clock that is passed in."""

    lease_ms: int
    jobs: dict[str, ModelJob] = field(default_factory=dict)
    requests: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    #: Virtual time of tenants that have ready jobs, and of the queue.
    tenants: dict[str, float] = field(default_factory=dict)
    vtime: float = 0.0
    submitted: int = 0
    started: int = 0

    def ready(self, tenant: str) -> list[ModelJob]:
        """Return the tenant's jobs that may start, in their order."""
        found = [
            job
            for job in self.jobs.values()
            if job.tenant == tenant and job.state is JobState.PENDING and not job.waits
        ]
        return sorted(found, key=lambda job: (job.score, job.job_id))

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
    ) -> tuple[str, str]:
        """Return "accepted", "repeated" or "reused", and an id."""
        if job_id in self.jobs:
            return "accepted", job_id
        if request_id:
            claimed = self.requests.get((tenant, request_id))
            if claimed is not None:
                return ("repeated" if claimed[1] == digest else "reused"), claimed[0]
            self.requests[tenant, request_id] = (job_id, digest)
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
            at_ms=start_ms,
            waits=delay_ms > 0,
        )
        self.jobs[job_id] = job
        self.submitted += 1
        if not job.waits:
            self._make_ready(job)
        return "accepted", job_id

    def fetch(self, want: int, now_ms: int) -> list[str]:
        """Return the leased members."""
        self._promote(JobState.SCHEDULED, now_ms)
        self._promote(JobState.RETRYING, now_ms)
        self._take_back(now_ms)
        members: list[str] = []
        while len(members) < want and self.tenants:
            tenant = min(self.tenants, key=lambda name: (self.tenants[name], name))
            job = self.ready(tenant)[0]
            self.vtime = self.tenants[tenant]
            job.waits = True
            if self.ready(tenant):
                self.tenants[tenant] = self.vtime + 1
            else:
                del self.tenants[tenant]
            job.waits = False
            if job.expire_ms is not None and job.expire_ms <= now_ms:
                job.act(Action.EXPIRE)
                continue
            job.act(Action.CLAIM)
            job.attempt += 1
            job.at_ms = now_ms + self.lease_ms
            self.started += 1
            members.append(f"{job.job_id}/{job.attempt}")
        return members

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
        return job.state

    def cancel(self, job_id: str, tenant: str) -> tuple[bool, JobState | None]:
        job = self.jobs.get(job_id)
        if job is None or job.tenant != tenant:
            return False, None
        if job.state.is_leased:
            job.act(Action.CANCEL)
            job.asked_to_stop = True
        elif not job.state.is_final:
            job.act(Action.CANCEL)
            job.waits = False
            if job.tenant in self.tenants and not self.ready(job.tenant):
                del self.tenants[job.tenant]
        return job.state in (JobState.CANCELLED, JobState.CANCELLING), job.state

    def retry(self, job_id: str, tenant: str, now_ms: int) -> tuple[bool, JobState | None]:
        job = self.jobs.get(job_id)
        if job is None or job.tenant != tenant:
            return False, None
        if job.state not in (JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED):
            return False, job.state
        job.act(Action.RETRY)
        job.spent, job.lost, job.expire_ms = 0, 0, None
        job.score = now_ms + ALLOWANCE_MS[job.priority]
        self._make_ready(job)
        return True, job.state

    def _make_ready(self, job: ModelJob) -> None:
        job.waits = False
        self.tenants.setdefault(job.tenant, self.vtime)

    def _promote(self, state: JobState, now_ms: int) -> None:
        snoozed = JobState.PENDING if state is JobState.SCHEDULED else state
        due = [job for job in self.jobs.values() if job.waits and job.at_ms <= now_ms]
        for job in due:
            if job.state not in (state, snoozed):
                continue
            if job.state is state:
                job.act(Action.PROMOTE)
            self._make_ready(job)

    def _take_back(self, now_ms: int) -> None:
        for job in [job for job in self.jobs.values() if job.state.is_leased and job.at_ms <= now_ms]:
            job.lost += 1
            stopping = job.asked_to_stop
            job.asked_to_stop = False
            if not stopping and job.lost >= MAX_LOST:
                job.act(Action.QUARANTINE)
                continue
            job.act(Action.LOSE)
            if job.state is JobState.PENDING:
                self._make_ready(job)
