"""BatchService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from google.protobuf.empty_pb2 import Empty

from bothsides.jobs import v1 as pb
from common.auth.caller import current_caller
from common.errors import InvalidField, InvalidFields
from common.job.ids import new_batch_id
from common.job.model import JobRequest, RetryPolicy
from common.telemetry.context import current_trace_id, inject, is_traced
from scheduler.batch.book import Book
from scheduler.batch.estimating import BatchEstimates
from scheduler.batch.watch import BatchWatches
from scheduler.model_rules import ModelRules, ModelWish
from scheduler.servicers.context import Context
from scheduler.submission import ConversationIndex, wall_clock_ms
from scheduler.wire.batch_members import CONVERSATION_IDS, member_of, members_from_pb, model_wish_of
from scheduler.wire.batches import asked_from_pb, batch_to_pb, judged_to_pb, terms_from_pb, update_to_pb
from scheduler.wire.requests import Origin

#: Members that are read before other calls have their turn, and conversations that one script looks up.
_READ_AT_ONCE: Final = 100
_NAMED_AT_ONCE: Final = 500
#: Conversations that are named of those that are missing.
_MISSING_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class _Members:
    """Members, and what each wants of models."""

    requests: list[JobRequest]
    wishes: list[ModelWish | None]


class BatchServicer(pb.BatchServiceServicer):
    """Serves the batches of the caller's tenant.

    Args:
        conversations: Where the workers will look for transcripts; None if that is another service.
    """

    def __init__(
        self,
        book: Book,
        watches: BatchWatches,
        estimates: BatchEstimates,
        model_rules: ModelRules,
        default_retry: RetryPolicy,
        *,
        conversations: ConversationIndex | None,
    ) -> None:
        self._book = book
        self._watches = watches
        self._estimates = estimates
        self._model_rules = model_rules
        self._default_retry = default_retry
        self._conversations = conversations

    async def CreateBatch(self, request: pb.CreateBatchRequest, context: Context) -> pb.Batch:
        tenant, batch_id = current_caller().tenant, new_batch_id()
        terms = terms_from_pb(request.batch)
        members = await self._members(request.members, batch_id, tenant, unsaid=request.validate_only)
        if request.validate_only:
            estimate = await self._estimates.of(tenant, members.requests, members.wishes)
            return judged_to_pb(terms, len(members.requests), estimate)
        asked = asked_from_pb(request)
        shown = await self._book.create(
            tenant, batch_id, terms, members.requests, asked, is_open=request.batch.open
        )
        return batch_to_pb(shown)

    async def AddBatchMembers(self, request: pb.AddBatchMembersRequest, context: Context) -> pb.Batch:
        tenant = current_caller().tenant
        members = await self._members(request.members, request.batch_id, tenant, unsaid=False)
        asked = asked_from_pb(request)
        return batch_to_pb(
            await self._book.add(tenant, request.batch_id, members.requests, asked, last=request.last)
        )

    async def GetBatch(self, request: pb.GetBatchRequest, context: Context) -> pb.Batch:
        return batch_to_pb(await self._book.get(current_caller().tenant, request.batch_id))

    async def ListBatches(self, request: pb.ListBatchesRequest, context: Context) -> pb.ListBatchesResponse:
        found, next_page_token = await self._book.page(
            current_caller().tenant,
            filter_text=request.filter,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListBatchesResponse(batches=map(batch_to_pb, found), next_page_token=next_page_token)

    async def CancelBatch(self, request: pb.CancelBatchRequest, context: Context) -> pb.Batch:
        return batch_to_pb(await self._book.cancel(current_caller().tenant, request.batch_id))

    async def RetryBatch(self, request: pb.RetryBatchRequest, context: Context) -> pb.Batch:
        shown = await self._book.retry(
            current_caller().tenant, request.batch_id, cancelled=request.include_cancelled
        )
        return batch_to_pb(shown)

    async def DeleteBatch(self, request: pb.DeleteBatchRequest, context: Context) -> Empty:
        await self._book.delete(current_caller().tenant, request.batch_id)
        return Empty()

    async def WatchBatch(
        self, request: pb.WatchBatchRequest, context: Context
    ) -> AsyncIterator[pb.WatchBatchResponse]:
        updates = self._watches.watch(
            request.batch_id, current_caller().tenant, resume_token=request.resume_token
        )
        async with aclosing(updates):
            async for update in updates:
                yield update_to_pb(update)

    async def _members(
        self, members: pb.BatchMembers, batch_id: str, tenant: str, *, unsaid: bool
    ) -> _Members:
        """Read members, and judge each as CreateJob would."""
        origin = Origin(tenant, current_trace_id() or "", inject()) if is_traced() else Origin(tenant)
        now_ms = wall_clock_ms()
        read = _Members([], [])
        for place, asking in enumerate(members_from_pb(members)):
            if place % _READ_AT_ONCE == _READ_AT_ONCE - 1:
                await asyncio.sleep(0)  # other calls need not wait for all
            read.requests.append(member_of(asking, batch_id, origin, self._default_retry, now_ms))
            wish = model_wish_of(asking, unsaid=False)
            # Of members that are alike but for their conversations the first stands for all, unless a bound
            # on their cost is set, for which each conversation's length counts.
            if wish is not None and (place == 0 or wish.max_cost or members.HasField("jobs")):
                await self._judge(wish, tenant, members, place)
            read.wishes.append(model_wish_of(asking, unsaid=True) if unsaid else None)
        await self._look_up(members, tenant)
        return read

    async def _judge(self, wish: ModelWish, tenant: str, members: pb.BatchMembers, place: int) -> None:
        """Judge what a member wants of models; of a template, say for which conversation it will not do."""
        try:
            await self._model_rules.judge(wish, tenant)
        except InvalidField as error:
            if place == 0 or members.HasField("jobs"):
                raise
            where = f"{CONVERSATION_IDS}[{place}]"
            raise InvalidField(error.field, f"for {where}: {error.description}") from None

    async def _look_up(self, members: pb.BatchMembers, tenant: str) -> None:
        """Refuse conversations that are not kept."""
        if self._conversations is None:
            return
        named = _named(members)
        missing: set[str] = set()
        unique = sorted(set(named.values()))
        for start in range(0, len(unique), _NAMED_AT_ONCE):
            missing |= await self._conversations.missing(tenant, unique[start : start + _NAMED_AT_ONCE])
        if missing:
            advice = "no such conversation: put it first with ConversationService.PutConversation"
            places = [field for field, conversation_id in named.items() if conversation_id in missing]
            problems = [(field, advice) for field in places[:_MISSING_SHOWN]]
            raise InvalidField(*problems[0]) if len(problems) == 1 else InvalidFields(problems)


def _named(members: pb.BatchMembers) -> dict[str, str]:
    """Return the conversations that are to be analysed, by the field that names each."""
    if members.WhichOneof("kind") == "conversations":
        ids = members.conversations.conversation_ids
        return {f"{CONVERSATION_IDS}[{place}]": conversation_id for place, conversation_id in enumerate(ids)}
    return {
        f"members.jobs.jobs[{place}].spec.transcript_analysis.conversation_id": (
            job.spec.transcript_analysis.conversation_id
        )
        for place, job in enumerate(members.jobs.jobs)
        if job.spec.HasField("transcript_analysis")
    }
