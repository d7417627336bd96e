"""Cancelling or retrying all jobs that match a filter: at a pace, up to a cap, telling how far it is.

What it changes ceases to match, so that a call that ended early is simply made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Final

from common.errors import Draining, JobsError, StoreFull, StoreUnavailable
from common.job.ids import JobId
from common.job.model import Job
from common.job.states import FINAL_STATES, JobState
from common.store import jobs
from common.store.jobs import Verdict
from common.store.operation import AsyncRunner, Operation
from scheduler.filters import parse_filter
from scheduler.jobs import Jobs
from scheduler.search import JobSearch

DEFAULT_JOBS: Final = 1_000
DEFAULT_PER_SECOND: Final = 100
#: Jobs that one call looks at to find those that match.
MAX_SCANNED: Final = 1_000_000
#: Jobs that are shown, and failures that are told, in one call.
SAMPLES: Final = 20
FAILURES: Final = 20
#: Between two messages (s).
TELL_EVERY_S: Final = 1.0
#: Jobs of one look, and changes that are under way at once.
_WANT: Final = 500
_AT_ONCE: Final = 16
#: A step of the pace takes about so long (s).
_STEP_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Verb:
    """What is done to each job, and in which states that makes sense."""

    states: frozenset[JobState]
    operation: Callable[..., Operation[Verdict]]


CANCEL: Final = Verb(frozenset(JobState) - FINAL_STATES - {JobState.CANCELLING}, jobs.cancel)
RETRY: Final = Verb(frozenset({JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED}), jobs.retry)


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """What is asked for; 0 asks for the defaults."""

    filter: str
    preview: bool
    max_jobs: int
    per_second: int


@dataclass(slots=True)
class Tally:
    """How far a bulk call is."""

    matched: int = 0
    capped: bool = False
    done: int = 0
    failed: int = 0
    skipped: int = 0
    #: Since the last tally that was told.
    failures: list[tuple[JobId, JobsError]] = field(default_factory=list)
    #: Of a preview.
    samples: list[Job] = field(default_factory=list)
    finished: bool = False


class Bulk:
    """Changes many jobs of one namespace.

    Args:
        is_closing: Whether this replica shuts down.
    """

    def __init__(
        self, store: AsyncRunner, existing: Jobs, search: JobSearch, is_closing: Callable[[], bool]
    ) -> None:
        self._store = store
        self._existing = existing
        self._search = search
        self._is_closing = is_closing

    async def run(self, tenant: str, verb: Verb, request: BulkRequest) -> AsyncGenerator[Tally, None]:
        """Do `verb` to what matches, the newest first; yield how far it is now and then, and at the end.

        Raises:
            InvalidFilter: The filter does not follow the grammar.
            StoreFull, StoreUnavailable: The store could not go on; what was counted as done is done.
            Draining: This replica shuts down.
        """
        wanted = parse_filter(request.filter).among_states(verb.states)
        most = request.max_jobs or DEFAULT_JOBS
        pace = _Pace(request.per_second or DEFAULT_PER_SECOND)
        tally = Tally()
        scanned = 0
        told_s = monotonic()
        async for found in self._search.walk(tenant, wanted, want=_WANT):
            taken = found.jobs[: most - tally.matched]
            for start in range(0, len(taken), pace.step):
                step = taken[start : start + pace.step]
                tally.matched += len(step)
                if request.preview:
                    tally.samples += step[: SAMPLES - len(tally.samples)]
                    continue
                await self._change(tenant, verb, step, tally)
                if monotonic() - told_s >= TELL_EVERY_S:
                    yield _told(tally)
                    told_s = monotonic()
                await pace.wait(len(step))
                if self._is_closing():
                    raise Draining
            scanned += found.scanned
            # Up to the first beyond the cap, so that it is known whether there is one.
            if len(taken) < len(found.jobs) or (found.below and scanned >= MAX_SCANNED):
                tally.capped = True
                break
        tally.finished = True
        yield _told(tally)

    async def _change(self, tenant: str, verb: Verb, step: Sequence[Job], tally: Tally) -> None:
        """Do `verb` to a few jobs, and count what became of each.

        Raises:
            StoreFull, StoreUnavailable: For one of them at least.
        """
        slots = asyncio.Semaphore(_AT_ONCE)

        async def change(job_id: JobId) -> Verdict:
            async with slots:
                operation = verb.operation(self._existing.keys_of(job_id), job_id, tenant=tenant)
                return await self._store.run(operation)

        outcomes = await asyncio.gather(*(change(job.job_id) for job in step), return_exceptions=True)
        stopped: JobsError | None = None
        for job, outcome in zip(step, outcomes, strict=True):
            match outcome:
                case Verdict(done=True):
                    tally.done += 1
                case Verdict():
                    tally.skipped += 1
                case StoreFull() | StoreUnavailable():
                    stopped = stopped or outcome
                case JobsError():
                    tally.failed += 1
                    if tally.failed <= FAILURES:
                        tally.failures.append((job.job_id, outcome))
                case BaseException():
                    raise outcome
        if stopped is not None:
            raise stopped


class _Pace:
    """Lets so many jobs a second through, a small step at a time, and catches up with no pause."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._passed = 0
        self._began_s = monotonic()
        self.step = max(1, int(per_second * _STEP_S))

    async def wait(self, jobs: int) -> None:
        """Return when it is time for the step after one of so many jobs."""
        self._passed += jobs
        ahead_s = self._began_s + self._passed / self._per_second - monotonic()
        if ahead_s > 0:
            await asyncio.sleep(ahead_s)


def _told(tally: Tally) -> Tally:
    """Return the tally as it is, and forget the failures, which are told once."""
    told = replace(tally, failures=tally.failures, samples=list(tally.samples))
    tally.failures = []
    return told
