"""What a job has been through: its attempts, and the lines that its code logged, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.errors import JobNotFound
from common.job.model import Job
from common.store import jobs
from common.store.jobs import AttemptRecord, LoggedLine
from common.store.operation import AsyncRunner
from scheduler.jobs import Jobs
from scheduler.paging import PageTokens, page_size_of

#: The kinds of lists that tokens are sealed for.
_ATTEMPTS: Final = "attempts"
_LOGS: Final = "logs"


@dataclass(frozen=True, slots=True)
class PageOfJob:
    """Which page of which job's list is asked for."""

    job_id: str
    page_size: int
    page_token: str


class History:
    """The past of the jobs of one namespace."""

    def __init__(self, store: AsyncRunner, existing: Jobs, tokens: PageTokens) -> None:
        self._store = store
        self._existing = existing
        self._tokens = tokens

    async def attempts(self, tenant: str, asked: PageOfJob) -> tuple[Job, list[AttemptRecord], str]:
        """Return the job, a page of its attempts, the latest first, and the token of the next page.

        Raises:
            JobNotFound: There is no such job of this tenant.
            InvalidPageToken: The token is of another list or tenant.
        """
        job = (await self._existing.get(asked.job_id, tenant)).job
        below = await self._place(_ATTEMPTS, tenant, asked)
        found = await self._store.run(jobs.attempts(self._existing.keys_of(job.job_id), job.job_id))
        if found is None:
            raise JobNotFound(job.job_id)
        rest = [record for record in reversed(found) if below is None or record.attempt < below]
        page = rest[: page_size_of(asked.page_size)]
        more = len(rest) > len(page)
        return job, page, await self._token(_ATTEMPTS, tenant, asked, page[-1].attempt if more else None)

    async def logs(self, tenant: str, asked: PageOfJob) -> tuple[list[LoggedLine], str]:
        """Return a page of the job's lines, the oldest first, and the token of the next page.

        Raises:
            JobNotFound: There is no such job of this tenant.
            InvalidPageToken: The token is of another list or tenant.
        """
        job = (await self._existing.get(asked.job_id, tenant)).job
        after = await self._place(_LOGS, tenant, asked) or 0
        keys, want = self._existing.keys_of(job.job_id), page_size_of(asked.page_size)
        page = await self._store.run(jobs.read_log(keys, job.job_id, after=after, want=want))
        last = page.lines[-1].sequence if page.lines else page.newest
        return page.lines, await self._token(_LOGS, tenant, asked, last if last < page.newest else None)

    async def _place(self, kind: str, tenant: str, asked: PageOfJob) -> int | None:
        if not asked.page_token:
            return None
        return int((await self._tokens.open(asked.page_token, kind, tenant, asked.job_id))[0])

    async def _token(self, kind: str, tenant: str, asked: PageOfJob, place: int | None) -> str:
        return "" if place is None else await self._tokens.seal([place], kind, tenant, asked.job_id)
