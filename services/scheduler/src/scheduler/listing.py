"""ListJobs: pages of jobs, newest id first, each after a bounded look at the queues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from common.auth.caller import Caller
from common.job.model import Job
from common.store.jobs import Snapshot
from scheduler.filters import Filter, parse_filter
from scheduler.jobs import Jobs, size_of
from scheduler.paging import PageTokens, page_size_of
from scheduler.search import JobSearch, uuid_of

#: Looks at the queues for one page: a filter that matches little ends a page early, not never.
MAX_LOOKS: Final = 5
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
class Extent:
    """How much was looked at for a page."""

    #: Of the next page; "" on the last.
    next_page_token: str
    scanned: int
    #: The page ended early because enough was looked at.
    limited: bool


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs, newest first."""

    jobs: list[Job]
    extent: Extent


@dataclass(frozen=True, slots=True)
class FullJobPage:
    """The same, with message, result and parts of each job."""

    snapshots: list[Snapshot]
    extent: Extent


class JobList:
    """Lists jobs."""

    def __init__(self, search: JobSearch, existing: Jobs, tokens: PageTokens) -> None:
        self._search = search
        self._existing = existing
        self._tokens = tokens

    async def page(self, caller: Caller, request: PageRequest) -> JobPage:
        """Return a page; one may be shorter than asked for, or empty, and yet not be the last.

        It is of the caller's tenant, and of those that the filter names.

        Raises:
            InvalidFilter: The filter does not follow the grammar.
            TenantNotGranted: It names a tenant that the caller may not act for.
            InvalidPageToken: The token is of another list, filter or tenant.
        """
        tenant = caller.tenant
        wanted = _by_tenant(caller, parse_filter(request.filter, of_tenants=True))
        below = ""
        if request.page_token:
            below = (await self._tokens.open(request.page_token, _KIND, tenant, request.filter))[0]
        want = page_size_of(request.page_size)
        found, below, scanned = await self._collect(wanted, below, want)
        extent = Extent(
            await self._token(below, tenant, request), scanned, limited=bool(below) and len(found) < want
        )
        return JobPage(found, extent)

    async def full_page(self, caller: Caller, request: PageRequest) -> FullJobPage:
        """Return a page of jobs read in full; it ends early when it holds FULL_PAGE_BYTES.

        Raises:
            InvalidFilter, TenantNotGranted, InvalidPageToken: As for `page`.
        """
        page = await self.page(caller, request)
        snapshots: list[Snapshot] = []
        size_bytes = 0
        for start in range(0, len(page.jobs), READS_AT_ONCE):
            for snapshot in await self._in_full(page.jobs[start : start + READS_AT_ONCE]):
                size_bytes += size_of(snapshot)
                if snapshots and size_bytes > FULL_PAGE_BYTES:
                    token = await self._token(uuid_of(snapshots[-1].job.job_id), caller.tenant, request)
                    return FullJobPage(snapshots, Extent(token, page.extent.scanned, limited=False))
                snapshots.append(snapshot)
        return FullJobPage(snapshots, page.extent)

    async def _in_full(self, found: Sequence[Job]) -> list[Snapshot]:
        """Read a few jobs in full, each as one of its own tenant: in order, without those that have gone."""
        read: list[Snapshot] = []
        for tenant, of_it in groupby(found, key=lambda job: job.tenant):
            read += await self._existing.get_many([job.job_id for job in of_it], tenant, full=True)
        return read

    async def _token(self, below: str, tenant: str, request: PageRequest) -> str:
        return await self._tokens.seal([below], _KIND, tenant, request.filter) if below else ""

    async def _collect(
        self, wanted: Mapping[str, Filter], below: str, want: int
    ) -> tuple[list[Job], str, int]:
        """Return up to `want` jobs with a UUID below `below`, where to go on, and how many were looked at."""
        found: list[Job] = []
        scanned = 0
        for _ in range(MAX_LOOKS):
            seen = await self._search.look_at(wanted, below=below, want=want - len(found))
            found += seen.jobs
            scanned += seen.scanned
            below = seen.below
            if not below or len(found) >= want:
                break
        return found, below, scanned


def _by_tenant(caller: Caller, wanted: Filter) -> dict[str, Filter]:
    """Return what is wanted of each tenant that is looked at, all of which the caller may act for.

    Raises:
        TenantNotGranted: The filter names another one.
    """
    tenants = [caller.tenant, *(caller.acting_for(name).tenant for name in sorted(wanted.tenants))]
    of_each = {tenant: wanted.of_tenant(tenant) for tenant in tenants}
    return {tenant: of_it for tenant, of_it in of_each.items() if not of_it.is_empty}
