"""Finding jobs: one list over all queues, newest id first, a bounded look at a time.

The UUID at the end of an id sorts by time whatever the queue, so a look ends at a UUID, and the next
begins below it in every queue. Jobs that are added meanwhile are newer, and move nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from common.job.ids import new_job_id
from common.job.model import Job
from common.job.types import GENERIC
from common.store import jobs, queues
from common.store.jobs import Condition, Page
from common.store.keys import queue_keys
from common.store.operation import AsyncRunner
from common.store.record import INDEX_SEPARATOR, LABEL, index_name
from scheduler.filters import Filter

#: Jobs of one queue that one script looks at: more would hold the server up.
LOOK: Final = 2_000
#: Scripts of one search that are under way at once.
LOOKS_AT_ONCE: Final = 16
#: States whose jobs the store keeps apart.
_LISTED: Final = frozenset(
    {"FAILED", "CANCELLED", "EXPIRED", "SCHEDULED", "RETRYING", "RUNNING", "CANCELLING"}
)
#: Fields that the store keeps an index of each value of, see common.store.record.index_names.
_INDEXED: Final = frozenset({"type", "conversation", "batch"})


@dataclass(frozen=True, slots=True)
class Found:
    """What one look over the queues found."""

    #: Newest first.
    jobs: list[Job]
    #: The UUID to go on below; "" if there is nothing left.
    below: str
    #: Jobs that were looked at.
    scanned: int


class JobSearch:
    """Finds the jobs of one namespace."""

    def __init__(self, store: AsyncRunner, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    async def look(self, tenant: str, wanted: Filter, *, below: str, want: int) -> Found:
        """Look once at each queue: up to `want` jobs with a UUID below `below` ("": from the newest).

        Fewer, or none, do not mean that there are no more: see Found.below.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        return await self.look_at({tenant: wanted}, below=below, want=want)

    async def look_at(self, wanted: Mapping[str, Filter], *, below: str, want: int) -> Found:
        """Look, as `look`, at jobs of several tenants, of each for those that meet a filter."""
        known = await self._store.run(queues.list_queues(self._namespace))
        looks = [
            (name, tenant, part)
            for tenant, of_it in wanted.items()
            for name in known
            if of_it.allows(name)
            for part in parts_of(of_it.within(name))
        ]
        slots = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def look(name: str, tenant: str, part: Filter) -> Page:
            async with slots:
                return await self._look(name, tenant, part, below, want)

        pages = await asyncio.gather(*(look(name, tenant, part) for name, tenant, part in looks))
        found, below = merge(pages, want)
        return Found(found, below, sum(page.scanned for page in pages))

    async def walk(self, tenant: str, wanted: Filter, *, want: int) -> AsyncIterator[Found]:
        """Look again and again until nothing is left, for up to `want` jobs each time."""
        below = ""
        while True:
            found = await self.look(tenant, wanted, below=below, want=want)
            yield found
            below = found.below
            if not below:
                return

    async def _look(self, queue: str, tenant: str, wanted: Filter, below: str, want: int) -> Page:
        operation = jobs.list_jobs(
            queue_keys(self._namespace, queue),
            tenant=tenant,
            program=wanted.program(),
            indexes=indexes_of(wanted),
            after=f"{_code_of(queue)}-{below}" if below else "",
            want=want,
            look=LOOK,
        )
        return await self._store.run(operation)


def parts_of(wanted: Filter) -> list[Filter]:
    """Return filters that share out the jobs that meet `wanted`, if an index serves each; else itself."""
    choices = wanted.choices()
    if choices and all(choice.value in _LISTED for choice in choices):
        return [wanted.and_also(choice) for choice in choices]
    return [wanted]


def indexes_of(wanted: Filter) -> list[str]:
    """Return the names of the store's indexes that hold every match; the store takes the smallest."""
    return [name for condition in wanted.demands() if (name := _index_of(condition))]


def _index_of(condition: Condition) -> str:
    value = condition.value
    if condition.field == "type":
        value = value or GENERIC  # a condition writes it as a record does, which leaves it out
    if not value or INDEX_SEPARATOR in value:
        return ""  # what is not set is in no index
    if condition.field == "state":
        return index_name("s", value)
    # Of labels the store knows which the queue has declared.
    is_indexed = condition.field in _INDEXED or condition.field.startswith(LABEL)
    return index_name(condition.field, value) if is_indexed else ""


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


def uuid_of(job_id: str) -> str:
    """Return the part of an id that sorts by time."""
    return job_id.rpartition("-")[2]


def _code_of(queue: str) -> str:
    """Return what ids of a queue begin with."""
    return new_job_id(queue).rpartition("-")[0]
