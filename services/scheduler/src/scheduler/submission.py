"""How jobs get in: one, or many at once in bounded scripts, each with its own outcome."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, Protocol

from common.errors import (
    DuplicateJob,
    FileStoreUnavailable,
    InvalidField,
    JobNotFound,
    JobsError,
    QueueDraining,
    QueueFull,
    RequestIdReused,
    RequestIdSpent,
)
from common.files.files import Files
from common.files.filing import drive_async, submitting
from common.job.ids import JobId
from common.job.model import Job, JobRequest
from common.store import jobs, queues
from common.store.jobs import (
    Accepted,
    Draining,
    Existing,
    FileTooOld,
    Full,
    Rejected,
    Repeated,
    Reused,
    Submitted,
)
from common.store.keys import queue_keys
from common.store.operation import AsyncRunner
from common.store.packing import is_large
from common.store.record import AcceptedJobs, accepted
from scheduler import rules
from scheduler.batches import Batches
from scheduler.jobs import Jobs

#: Jobs of one script (3 ms of the server): more would hold it up, fewer would pay for more round trips.
CHUNK_JOBS: Final = 100
#: Conversations that one script looks up for calls that came together.
NAMED_AT_ONCE: Final = 200
#: Scripts that are under way at once for one call.
CHUNKS_IN_FLIGHT: Final = 3

_ANALYSIS: Final = "TRANSCRIPT_ANALYSIS"
_CONVERSATION_FIELD: Final = "job.spec.transcript_analysis.conversation_id"

Outcome = Job | JobsError


class ConversationIndex(Protocol):
    """Knows which conversations are kept."""

    async def missing(self, tenant: str, conversation_ids: Sequence[str]) -> set[str]:
        """Return those of `conversation_ids` that are not kept for the tenant."""
        ...


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class Submission:
    """Puts jobs into the queues of one namespace.

    Args:
        conversations: Where the workers will look for transcripts; None if that is another service,
            so that nothing here can tell.
        files: Where large arguments go; None: all stay in the store.
        now_ms: This process's clock; used only to judge a request. What is stored is timed by the store.
    """

    def __init__(
        self,
        store: AsyncRunner,
        namespace: str,
        existing: Jobs,
        *,
        conversations: ConversationIndex | None,
        files: Files | None = None,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._store = store
        self._namespace = namespace
        self._existing = existing
        self._conversations = conversations
        self._files = files
        self._now_ms = now_ms
        self._declared: set[str] = set()
        self._singles = Batches(self._submit, CHUNK_JOBS)
        self._named = Batches(self._are_missing, NAMED_AT_ONCE)

    async def create(self, request: JobRequest) -> Job:
        """Submit one job, or return the first one of a repeated request.

        Raises:
            InvalidField: Fields contradict each other, or the conversation is not kept.
            RequestIdReused, RequestIdSpent, QueueFull, StoreFull, StoreUnavailable: It was not taken.
        """
        names_one = self._conversations is not None and request.job_type == _ANALYSIS
        is_missing = names_one and await self._named.put(request.tenant, request)
        missing = {request.conversation_id} if is_missing else set[str]()
        refusal = _refusal(request, self._now_ms(), missing)
        if refusal is not None:
            raise refusal
        if self._files is not None and is_large(request.payload):
            # Those that come together are sent together: smaller ones are not to wait for its file.
            return _job_or_raise((await self._submit([request]))[0])
        return _job_or_raise(await self._singles.put(request.queue, request))

    async def judge(self, request: JobRequest) -> Job:
        """Return the job as `create` would, without an id, and store nothing; errors as for a new job.

        Raises:
            InvalidField, QueueFull, QueueDraining, DuplicateJob: It would not be taken now.
        """
        now_ms = self._now_ms()
        refusal = (await self._refusals([request], now_ms))[0]
        if refusal is not None:
            raise refusal
        admitted = await self._store.run(jobs.admit(queue_keys(self._namespace, request.queue), request))
        if not isinstance(admitted, Accepted | Existing):
            _job_or_raise(await self._outcome(request, admitted))
        return replace(accepted(request, now_ms), job_id=JobId(""))

    async def create_many(self, requests: Sequence[JobRequest]) -> list[Outcome]:
        """Submit jobs, each by itself. Returns the job or the error of each, in order."""
        refusals = await self._refusals(requests, self._now_ms())
        outcomes: dict[int, Outcome] = {i: error for i, error in enumerate(refusals) if error is not None}
        by_queue: defaultdict[str, list[int]] = defaultdict(list)
        for i, request in enumerate(requests):
            if i not in outcomes:
                by_queue[request.queue].append(i)
        chunks = [chunk for places in by_queue.values() for chunk in _chunks(places)]
        slots = asyncio.Semaphore(CHUNKS_IN_FLIGHT)

        async def submit(places: Sequence[int]) -> None:
            async with slots:
                batch = await self._submit([requests[i] for i in places])
            outcomes.update(zip(places, batch, strict=True))

        if len(chunks) == 1:
            await submit(chunks[0])
        else:
            await asyncio.gather(*map(submit, chunks))
        return [outcomes[i] for i in range(len(requests))]

    async def _refusals(self, requests: Sequence[JobRequest], now_ms: int) -> list[JobsError | None]:
        """Return why each request cannot be taken, or None, before anything is stored."""
        missing = await self._missing_conversations(requests)
        return [_refusal(request, now_ms, missing) for request in requests]

    async def _missing_conversations(self, requests: Sequence[JobRequest]) -> set[str]:
        named = {request.conversation_id for request in requests if request.job_type == _ANALYSIS}
        if self._conversations is None or not named:
            return set()
        return await self._conversations.missing(requests[0].tenant, sorted(named))

    async def _are_missing(self, requests: Sequence[JobRequest]) -> list[bool]:
        """Say of each of one tenant's requests whether its conversation is not kept."""
        missing = await self._missing_conversations(requests)
        return [request.conversation_id in missing for request in requests]

    async def _submit(self, requests: Sequence[JobRequest]) -> list[Outcome]:
        """Submit a chunk of one queue."""
        queue = requests[0].queue
        try:
            replies = await self._replies(queue, requests)
        except InvalidField as error:
            if len(requests) == 1:
                return [InvalidField(f"job.{error.field}", error.description)]
            # One of them cannot be stored, which is not to cost the others.
            return [outcome for request in requests for outcome in await self._submit([request])]
        except JobsError as error:
            return [error] * len(requests)
        return await self._outcomes(requests, replies)

    async def hand_over(self, queue: str, requests: Sequence[JobRequest]) -> list[Submitted]:
        """Submit a chunk of one queue, and return what the store says.

        Raises:
            InvalidField: One of them cannot be stored; none is.
            StoreFull, StoreUnavailable, FileStoreUnavailable: They may have been taken; it may be repeated.
        """
        told: list[Submitted] = []
        for reply in await self._replies(queue, requests):
            if isinstance(reply, FileStoreUnavailable):
                raise reply
            told.append(reply)
        return told

    async def _replies(
        self, queue: str, requests: Sequence[JobRequest]
    ) -> Sequence[Submitted | FileStoreUnavailable]:
        """Submit; what has to be packed or written to a file is, on a thread."""
        await self._declare(queue)
        keys = queue_keys(self._namespace, queue)
        is_cluster = self._store.is_cluster
        is_long = any(is_large(request.payload) for request in requests)
        if self._files is None or not is_long:
            steps = jobs.submitting(keys, requests, is_cluster=is_cluster)
            return await self._store.run_steps(steps, on_thread=is_long)
        filing = submitting(keys, requests, self._files, is_cluster=is_cluster)
        return await drive_async(filing, self._store, self._files)

    async def _outcomes(
        self, requests: Sequence[JobRequest], replies: Sequence[Submitted | FileStoreUnavailable]
    ) -> list[Outcome]:
        """Nearly all were accepted, for which there is nothing to wait; the others are looked up at once."""
        alike = AcceptedJobs()
        outcomes: list[Outcome | None] = [
            alike.of(request, reply.now_ms) if isinstance(reply, Accepted) else None
            for request, reply in zip(requests, replies, strict=True)
        ]
        others = [i for i, outcome in enumerate(outcomes) if outcome is None]
        looked = iter(await asyncio.gather(*(self._outcome(requests[i], replies[i]) for i in others)))
        return [next(looked) if outcome is None else outcome for outcome in outcomes]

    async def _outcome(self, request: JobRequest, reply: Submitted | FileStoreUnavailable) -> Outcome:
        match reply:
            case Accepted(_, now_ms):
                return accepted(request, now_ms)
            case Repeated(job_id) | Existing(job_id):
                try:
                    return (await self._existing.get(job_id, request.tenant)).job
                except JobNotFound as error:
                    return RequestIdSpent(job_id) if isinstance(reply, Repeated) else error
                except JobsError as error:
                    return error
            case Reused(job_id):
                return RequestIdReused(job_id)
            case Rejected(job_id):
                return DuplicateJob(job_id)
            case Full(depth):
                return QueueFull(request.queue, depth)
            case Draining():
                return QueueDraining(request.queue)
            case FileTooOld():
                return FileStoreUnavailable()
            case FileStoreUnavailable():
                return reply

    async def _declare(self, queue: str) -> None:
        if queue not in self._declared:
            await self._store.run(queues.declare_queue(self._namespace, queue))
            self._declared.add(queue)


def _refusal(request: JobRequest, now_ms: int, missing: set[str]) -> JobsError | None:
    if request.job_type == _ANALYSIS and request.conversation_id in missing:
        return InvalidField(
            _CONVERSATION_FIELD, "no such conversation: put it first with ConversationService.PutConversation"
        )
    try:
        rules.check(request, now_ms)
    except InvalidField as error:
        return error
    return None


def _chunks(places: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(places), CHUNK_JOBS):
        yield places[start : start + CHUNK_JOBS]


def _job_or_raise(outcome: Outcome) -> Job:
    if isinstance(outcome, JobsError):
        # Those that came together may share one error: it must not gather the frames of each.
        raise outcome.with_traceback(None)
    return outcome
