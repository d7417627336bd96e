"""Opens watches of many jobs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import Final

from common.errors import Draining
from common.job.states import FINAL_STATES, JobState
from common.store.jobs import Snapshot
from scheduler.deployment import Deployment
from scheduler.filters import Filter, parse_filter
from scheduler.jobs import Jobs
from scheduler.search import JobSearch
from scheduler.watch.facts import Facts
from scheduler.watch.feeds import Feeds
from scheduler.watch.inbox import MAX_EVENTS, Inbox
from scheduler.watch.many import JobsWatch
from scheduler.watch.packet import Packet, Told
from scheduler.watch.places import PlaceTokens
from scheduler.watch.teller import WHOLE_AT_ONCE, Teller
from scheduler.watch.watch import HEARTBEAT_S

#: Jobs of one message of the snapshots that a watch begins with.
_PRESENT_AT_ONCE: Final = 100


class JobsWatches:
    """Opens watches of all jobs that match a filter.

    Args:
        max_events: By which a watcher may fall behind.
    """

    def __init__(
        self,
        jobs: Jobs,
        search: JobSearch,
        feeds: Feeds,
        facts: Facts,
        deployment: Deployment,
        *,
        heartbeat_s: float = HEARTBEAT_S,
        max_events: int = MAX_EVENTS,
    ) -> None:
        self._jobs = jobs
        self._search = search
        self._feeds = feeds
        self._facts = facts
        self._deployment = deployment
        self._heartbeat_s = heartbeat_s
        self._max_events = max_events

    async def watch(
        self, tenant: str, filter_text: str, *, resume_token: str, full: bool, include_snapshot: bool
    ) -> AsyncGenerator[Packet, None]:
        """Yield what happens to the jobs of a tenant that match a filter, without end.

        Args:
            resume_token: Of the last message that was received; "" begins now.
            full: Parts as they are made, and each job with its result when it has ended.
            include_snapshot: Begin, also after a reset, with the jobs that match and are not final.

        Raises:
            InvalidFilter: The filter does not follow the grammar, or allows too many queues.
            InvalidResumeToken: The token is not of a watch of this tenant with this filter.
            WatchTooSlow: The messages were not taken fast enough; its token loses nothing.
            Draining: This replica shuts down; its token goes on elsewhere.
        """
        if self._feeds.closed:
            raise Draining(resume_token)
        wanted = parse_filter(filter_text)
        tokens = PlaceTokens(await self._deployment.seal_key(), tenant, filter_text)
        since = tokens.decode(resume_token) if resume_token else None
        read = partial(self._jobs.get_many, tenant=tenant, full=full, needs_files=False)
        watch = JobsWatch(
            self._feeds,
            Inbox(max_events=self._max_events),
            wanted,
            Teller(self._facts, read, self._jobs.part, tenant, full=full),
            tokens,
            partial(self._present, tenant, wanted, full=full) if include_snapshot else None,
            self._heartbeat_s,
        )
        async for packet in watch.packets(since):
            yield packet

    async def _present(self, tenant: str, wanted: Filter, *, full: bool) -> AsyncIterator[list[Told]]:
        """Yield snapshots of all jobs that match and are not final, a message's worth at a time."""
        waiting = wanted.among_states(frozenset(JobState) - FINAL_STATES)
        want = WHOLE_AT_ONCE if full else _PRESENT_AT_ONCE
        async for found in self._search.walk(tenant, waiting, want=want):
            if full:
                ids = [job.job_id for job in found.jobs]
                yield list(await self._jobs.get_many(ids, tenant, full=True, needs_files=False))
            else:
                yield [Snapshot(job, "0-0") for job in found.jobs]
