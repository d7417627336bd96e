"""What is known of jobs that events only name: read from records in batches, and kept for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final

from common.job.model import Job
from common.store.events import Event, StateChanged, Updated
from scheduler.filters import facts_of
from scheduler.filters.fields import ERROR_ATTEMPT

#: Jobs of which facts are kept, for all watches of a scheduler together. One takes about 1 KB.
MAX_KEPT: Final = 20_000
#: Records that one script reads.
READ_AT_ONCE: Final = 200

Known = Mapping[str, str]


class Facts:
    """The facts of jobs, by field as the record spells it.

    Args:
        read: Returns the jobs with the given ids, all of one queue; without those that have gone.
    """

    def __init__(
        self, read: Callable[[str, Sequence[str]], Awaitable[Sequence[Job]]], *, most: int = MAX_KEPT
    ) -> None:
        self._read = read
        self._most = most
        self._kept: OrderedDict[str, dict[str, str]] = OrderedDict()
        #: Jobs that have changed since the oldest read that is under way began: what it finds may be old.
        self._changed: set[str] = set()
        self._reads = 0

    def of(self, job_id: str) -> Known | None:
        """Return what is kept of a job; None if nothing is."""
        facts = self._kept.get(job_id)
        if facts is not None:
            self._kept.move_to_end(job_id)
        return facts

    async def read(self, queue: str, job_ids: Collection[str]) -> dict[str, Known]:
        """Read and keep the facts of jobs of one queue; those that have gone are left out.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        wanted = list(job_ids)
        found: dict[str, Known] = {}
        for start in range(0, len(wanted), READ_AT_ONCE):
            self._reads += 1
            try:
                jobs = await self._read(queue, wanted[start : start + READ_AT_ONCE])
            finally:
                self._reads -= 1
            for job in jobs:
                facts = facts_of(job)
                found[job.job_id] = facts
                if job.job_id not in self._changed:
                    self._keep(job.job_id, facts)
            if not self._reads:
                self._changed.clear()
        return found

    @property
    def are_any(self) -> bool:
        """Whether anything is kept or being read, which an event may change."""
        return bool(self._kept) or self._reads > 0

    def note(self, event: Event) -> None:
        """Take in what an event tells, as it comes from the feed. What was known of a deleted job stays."""
        failed = event.error if isinstance(event, StateChanged) else None
        if failed is None and not isinstance(event, Updated):
            return
        if self._reads:
            self._changed.add(event.job_id)
        facts = self._kept.get(event.job_id)
        if facts is None:
            return
        if failed is None:
            del self._kept[event.job_id]
        else:
            facts["class"], facts["cause"] = failed.error_class.value, failed.reason
            facts[ERROR_ATTEMPT] = str(failed.attempt)

    def _keep(self, job_id: str, facts: dict[str, str]) -> None:
        self._kept[job_id] = facts
        self._kept.move_to_end(job_id)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
