"""ConversationService on the built-in store."""

from __future__ import annotations

import asyncio

from bothsides.jobs import v1 as pb
from common.auth.caller import current_caller
from common.errors import ConversationNotFound
from scheduler import content, transcripts
from scheduler.documents import Documents
from scheduler.erasing import Eraser
from scheduler.jobs_about import JobsAbout, Removed
from scheduler.servicers.context import Context
from scheduler.wire.conversations import (
    conversation_entry_to_pb,
    conversation_to_pb,
    manuscript_from_pb,
    outline_from_pb,
    texts_from_pb,
)
from scheduler.wire.times import instant_to_pb


class ConversationServicer(pb.ConversationServiceServicer):
    """Keeps the conversations of the caller's tenant.

    Args:
        refuses_content: Conversations with hostile content are not taken.
    """

    def __init__(
        self, conversations: Documents, eraser: Eraser, jobs: JobsAbout, *, refuses_content: bool = False
    ) -> None:
        self._conversations = conversations
        self._eraser = eraser
        self._jobs = jobs
        self._refuses_content = refuses_content

    async def PutConversation(self, request: pb.PutConversationRequest, context: Context) -> pb.Conversation:
        """Answers without the turns: the caller has them, and they may be 8 MiB."""
        conversation = request.conversation
        outline = outline_from_pb(conversation)
        transcripts.check(outline)
        if self._refuses_content:
            # In a thread: it takes a while for a very long one.
            await asyncio.to_thread(content.check, conversation.language, texts_from_pb(conversation))
        manuscript = manuscript_from_pb(conversation, transcripts.speakers(outline))
        updated_ms = await self._conversations.put(
            current_caller().tenant,
            conversation.conversation_id,
            body=manuscript.body,
            about=manuscript.about,
        )
        kept = pb.Conversation.FromString(manuscript.body)
        kept.ClearField("turns")
        kept.update_time.CopyFrom(instant_to_pb(updated_ms))
        return kept

    async def GetConversation(self, request: pb.GetConversationRequest, context: Context) -> pb.Conversation:
        document = await self._conversations.get(current_caller().tenant, request.conversation_id)
        if document is None:
            raise ConversationNotFound(request.conversation_id)
        return conversation_to_pb(document)

    async def ListConversations(
        self, request: pb.ListConversationsRequest, context: Context
    ) -> pb.ListConversationsResponse:
        page, next_page_token = await self._conversations.page(
            current_caller().tenant, page_size=request.page_size, page_token=request.page_token
        )
        return pb.ListConversationsResponse(
            conversations=map(conversation_entry_to_pb, page), next_page_token=next_page_token
        )

    async def DeleteConversation(
        self, request: pb.DeleteConversationRequest, context: Context
    ) -> pb.DeleteConversationResponse:
        tenant, name = current_caller().tenant, request.conversation_id
        erased = await self._eraser.erase(tenant, name)
        removed = await self._jobs.delete(tenant, name) if request.delete_jobs else Removed(0, 0)
        if not erased.anything and removed == Removed(0, 0) and not request.allow_missing:
            raise ConversationNotFound(name)
        return pb.DeleteConversationResponse(
            answer_count=erased.answers,
            analysis_deleted=erased.analysis,
            job_count=removed.deleted,
            insights_count=erased.insights,
            ending_job_count=removed.ending,
        )
