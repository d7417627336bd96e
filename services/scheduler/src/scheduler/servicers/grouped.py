"""Requests of single calls that go to a script together are read together, and answered together.

What a request takes is little code run often: in one go it takes two thirds of the time that it takes between
the calls, each of which leaves little of it in the processor's caches.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from bothsides.jobs import v1 as pb
from common.errors import JobsError
from common.job.model import Job, JobRequest
from scheduler.batches import Batches
from scheduler.submission import CHUNK_JOBS
from scheduler.wire.jobs import AlikeJobs
from scheduler.wire.known import KnownRequests
from scheduler.wire.requests import Origin

_Asked: TypeAlias = tuple[pb.CreateJobRequest, Origin]
#: A job as bytes; None for a request that has to be read by itself.
_Outcome: TypeAlias = bytes | Exception | None


class GroupedRequests:
    """Creates the jobs of single calls that are like others before them.

    Args:
        known: Reads them.
        create_many: Submits their jobs; returns the job or the error of each, in order.
        created: Spells them.
    """

    def __init__(
        self,
        known: KnownRequests,
        create_many: Callable[[Sequence[JobRequest]], Awaitable[Sequence[Job | JobsError]]],
        created: AlikeJobs,
    ) -> None:
        self._known = known
        self._create_many = create_many
        self._created = created
        self._batches = Batches(self._create, CHUNK_JOBS)

    async def create(self, request: pb.CreateJobRequest, origin: Origin) -> bytes | None:
        """Return the job that was created, as bytes; None if nothing was, and nobody looked at the rules.

        Raises:
            JobsError: As Submission.create.
        """
        spec = request.job.spec
        if not spec.HasField("generic"):
            return None
        outcome = await self._batches.put(spec.generic.queue, (request, origin))
        if isinstance(outcome, Exception):
            # Those that came together may share one error: it must not gather the frames of each.
            raise outcome.with_traceback(None)
        return outcome

    async def _create(self, asked: Sequence[_Asked]) -> list[_Outcome]:
        read = [self._read(request, origin) for request, origin in asked]
        wanted = [outcome for outcome in read if isinstance(outcome, JobRequest)]
        created = iter(await self._create_many(wanted)) if wanted else iter(())
        return [
            self._spelled(next(created)) if isinstance(outcome, JobRequest) else outcome for outcome in read
        ]

    def _read(self, request: pb.CreateJobRequest, origin: Origin) -> JobRequest | Exception | None:
        try:
            return self._known.read(request, origin)
        except Exception as error:  # whatever it is, it is of one request, and not to cost the others
            return error

    def _spelled(self, outcome: Job | JobsError) -> bytes | JobsError:
        return outcome if isinstance(outcome, JobsError) else self._created.spell(outcome)
