"""ListFailureGroups: failed jobs by what went wrong, counted over the latest that a bounded look can see."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from common.job.model import ErrorClass, Job
from common.job.states import JobState
from scheduler.filters import MAX_TERMS, Filter, parse_filter, quoted
from scheduler.paging import PageTokens, page_size_of
from scheduler.search import JobSearch

#: Failed jobs that one call counts, the latest first; and jobs that it looks at to find them.
MAX_COUNTED: Final = 20_000
MAX_SCANNED: Final = 100_000
#: Jobs of one look.
_WANT: Final = 500
_SAMPLES: Final = 5
_KIND: Final = "failure groups"
#: Of a filter, as the requests that take one say.
_FILTER_LENGTH: Final = 2_000


@dataclass(frozen=True, slots=True)
class Cause:
    """What jobs of a group have in common."""

    error_class: ErrorClass | None
    reason: str
    job_type: str
    actor: str
    queue: str

    @classmethod
    def of(cls, job: Job) -> Cause:
        error = job.error
        return cls(
            None if error is None else error.error_class,
            "" if error is None else error.reason,
            job.job_type,
            job.actor,
            job.queue,
        )

    @property
    def fingerprint(self) -> str:
        """Return a short name, the same whenever and wherever jobs fail in this way."""
        parts = (self.error_class or "", self.reason, self.job_type, self.actor, self.queue)
        return hashlib.blake2s("\n".join(parts).encode(), digest_size=8).hexdigest()

    def filter(self, within: Filter, text: str) -> str:
        """Return a filter of the jobs that failed in this way, among those that another one allows."""
        conditions = [
            f"state = {JobState.FAILED}",
            f"queue = {quoted(self.queue)}",
            f"type = {self.job_type}",
            f"actor = {quoted(self.actor)}",
            "NOT last_error.error_class:*"
            if self.error_class is None
            else f"last_error.error_class = {self.error_class}",
        ]
        if self.reason:
            conditions.append(f"last_error.reason = {quoted(self.reason)}")
        alone = " AND ".join(conditions)
        whole = f"({text.strip()}) AND {alone}"
        fits = within.terms + len(conditions) <= MAX_TERMS and len(whole) <= _FILTER_LENGTH
        return whole if within.terms and fits else alone


@dataclass(slots=True)
class Group:
    """The failed jobs of one cause."""

    cause: Cause
    count: int = 0
    first_ms: int = 0
    last_ms: int = 0
    #: Of the latest.
    message: str = ""
    suggestion: str = ""
    #: The latest.
    samples: list[str] = field(default_factory=list)
    #: What selects them, for ListJobs and BulkRetryJobs.
    filter: str = ""

    @property
    def rank(self) -> tuple[int, str]:
        """Its place among others, the largest last."""
        return self.count, self.cause.fingerprint

    def add(self, job: Job) -> None:
        """Count a job. The newest is to come first."""
        at_ms = job.updated_ms if job.ended_ms is None else job.ended_ms
        self.first_ms = at_ms if self.count == 0 else min(self.first_ms, at_ms)
        if (self.count == 0 or at_ms > self.last_ms) and job.error is not None:
            self.message, self.suggestion = job.error.message, job.error.suggestion
        self.last_ms = max(self.last_ms, at_ms)
        self.count += 1
        if len(self.samples) < _SAMPLES:
            self.samples.append(job.job_id)


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Groups, the largest first."""

    groups: list[Group]
    next_page_token: str
    scanned: int
    #: There are more failed jobs, or more to look at, than were counted.
    limited: bool


class FailureGroups:
    """Groups the failed jobs of a tenant."""

    def __init__(self, search: JobSearch, tokens: PageTokens) -> None:
        self._search = search
        self._tokens = tokens

    async def page(self, tenant: str, text: str, *, page_size: int, page_token: str) -> GroupPage:
        """Return a page of groups. Every page counts anew: a group that grows meanwhile may be told twice.

        Raises:
            InvalidFilter: The filter does not follow the grammar.
            InvalidPageToken: The token is of another list, filter or tenant.
        """
        wanted = parse_filter(text)
        after: tuple[int, str] | None = None
        if page_token:
            count, fingerprint = await self._tokens.open(page_token, _KIND, tenant, text)
            after = (count, fingerprint)
        groups, scanned, limited = await self._count(tenant, wanted)
        ranked = sorted(groups, key=lambda group: group.rank, reverse=True)
        left = [group for group in ranked if after is None or group.rank < after]
        page = left[: page_size_of(page_size)]
        for group in page:
            group.filter = group.cause.filter(wanted, text)
        token = ""
        if len(left) > len(page):
            token = await self._tokens.seal(page[-1].rank, _KIND, tenant, text)
        return GroupPage(page, token, scanned, limited)

    async def _count(self, tenant: str, wanted: Filter) -> tuple[Iterable[Group], int, bool]:
        failed = wanted.among_states({JobState.FAILED})
        groups: dict[Cause, Group] = {}
        counted = scanned = 0
        async for found in self._search.walk(tenant, failed, want=_WANT):
            for job in found.jobs:
                cause = Cause.of(job)
                groups.setdefault(cause, Group(cause)).add(job)
            counted += len(found.jobs)
            scanned += found.scanned
            if found.below and (counted >= MAX_COUNTED or scanned >= MAX_SCANNED):
                return groups.values(), scanned, True
        return groups.values(), scanned, False
