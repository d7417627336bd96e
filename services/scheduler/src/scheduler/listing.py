"""ListJobs: one list over all queues, newest id first.

The UUID at the end of an id sorts by time whatever the queue, so a page ends at a UUID, and the next
begins below it in every queue. Jobs that are added meanwhile are newer, and move nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from common.job.ids import new_job_id
from common.job.model import Job
from common.store import jobs, queues
from common.store.jobs import Condition, Connective, Page, Snapshot
from common.store.keys import QueueKeys
from common.store.operation import AsyncRunner
from scheduler.filters import Filter, parse_filter
from scheduler.jobs import Jobs
from scheduler.paging import PageTokens, page_size_of

#: Rounds over the queues for one page: a filter that matches little ends a page early, not never.
#: Each looks at up to 2,000 jobs of a queue.
MAX_ROUNDS: Final = 5
#: A page of jobs in full ends at this size, well below gRPC's limit on a message.
FULL_PAGE_BYTES: Final = 4 * 1024 * 1024
#: Jobs that are read in full at the same time.
READS_AT_ONCE: Final = 16
#: The kind of list that tokens are sealed for.
_KIND: Final = "jobs"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is asked for; each field as in ListJobsRequest."""

    filter: str
    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs, newest first, and the token of the next page; "" on the last."""

    jobs: list[Job]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class FullJobPage:
    """The same, with message, result and parts of each job."""

    snapshots: list[Snapshot]
    next_page_token: str


class JobList:
    """Lists the jobs of one namespace."""

    def __init__(self, store: AsyncRunner, namespace: str, existing: Jobs, tokens: PageTokens) -> None:
        self._store = store
        self._namespace = namespace
        self._existing = existing
        self._tokens = tokens

    async def page(self, tenant: str, request: PageRequest) -> JobPage:
        """Return a page; one may be shorter than asked for, or empty, and yet not be the last.

        Raises:
            InvalidFilter: The filter does not follow the grammar.
            InvalidPageToken: The token is of another list, filter or tenant.
        """
        wanted = parse_filter(request.filter)
        below = ""
        if request.page_token:
            below = (await self._tokens.open(request.page_token, _KIND, tenant, request.filter))[0]
        found, below = await self._collect(wanted, tenant, below, page_size_of(request.page_size))
        return JobPage(found, await self._token(below, tenant, request))

    async def full_page(self, tenant: str, request: PageRequest) -> FullJobPage:
        """Return a page of jobs read in full; it ends early when it holds FULL_PAGE_BYTES."""
        page = await self.page(tenant, request)
        snapshots: list[Snapshot] = []
        size_bytes = 0
        for start in range(0, len(page.jobs), READS_AT_ONCE):
            ids = [job.job_id for job in page.jobs[start : start + READS_AT_ONCE]]
            for snapshot in await self._existing.get_many(ids, tenant):
                size_bytes += _size_of(snapshot)
                if snapshots and size_bytes > FULL_PAGE_BYTES:
                    below = uuid_of(snapshots[-1].job.job_id)
                    return FullJobPage(snapshots, await self._token(below, tenant, request))
                snapshots.append(snapshot)
        return FullJobPage(snapshots, page.next_page_token)

    async def _token(self, below: str, tenant: str, request: PageRequest) -> str:
        return await self._tokens.seal([below], _KIND, tenant, request.filter) if below else ""

    async def _collect(self, wanted: Filter, tenant: str, below: str, want: int) -> tuple[list[Job], str]:
        """Return up to `want` jobs with a UUID below `below`, and where to go on ("": nowhere)."""
        names = await self._queues(wanted)
        program = all_of(wanted.conditions)
        found: list[Job] = []
        for _ in range(MAX_ROUNDS):
            pages = await asyncio.gather(
                *(self._look(name, tenant, program, below, want - len(found)) for name in names)
            )
            merged, below = merge(pages, want - len(found))
            found += merged
            if not below or len(found) >= want:
                break
        return found, below

    async def _queues(self, wanted: Filter) -> list[str]:
        known = await self._store.run(queues.list_queues(self._namespace))
        return [name for name in known if wanted.allows(name)]

    async def _look(
        self, queue: str, tenant: str, program: Sequence[Condition | Connective], below: str, want: int
    ) -> Page:
        keys = QueueKeys(self._namespace, queue)
        after = f"{_code_of(queue)}-{below}" if below else ""
        return await self._store.run(
            jobs.list_jobs(keys, tenant=tenant, program=program, after=after, want=want)
        )


def all_of(conditions: Sequence[Condition]) -> list[Condition | Connective]:
    """Return the conditions joined by AND."""
    joined: list[Condition | Connective] = list(conditions)
    return joined + ["AND"] * (len(conditions) - 1)


def merge(pages: Sequence[Page], want: int) -> tuple[list[Job], str]:
    """Merge pages of several queues: the newest `want` jobs, and the UUID to go on below ("": none are left).

    Nothing is taken from below the point up to which a queue was looked at: older jobs of the others
    have to wait until that queue has been looked at as far.
    """
    horizon = max((uuid_of(page.after) for page in pages if page.after), default="")
    newest = sorted(
        (job for page in pages for job in page.jobs), key=lambda job: uuid_of(job.job_id), reverse=True
    )
    known = [job for job in newest if uuid_of(job.job_id) >= horizon]
    taken = known[:want]
    return taken, uuid_of(taken[-1].job_id) if len(known) > want else horizon


def _size_of(snapshot: Snapshot) -> int:
    """Return the size of what makes a job large."""
    contents = [part.content for part in snapshot.parts]
    if snapshot.result is not None:
        contents.append(snapshot.result)
    return len(snapshot.payload) + sum(len(content.data) for content in contents)


def uuid_of(job_id: str) -> str:
    """Return the part of an id that sorts by time."""
    return job_id.rpartition("-")[2]


def _code_of(queue: str) -> str:
    """Return what ids of a queue begin with."""
    return new_job_id(queue).rpartition("-")[0]
