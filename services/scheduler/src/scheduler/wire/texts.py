"""The words of kept conversations, for what reads their length."""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from scheduler.documents import Documents


async def text_of(conversations: Documents, tenant: str, conversation_id: str) -> str | None:
    """Return what was said in a conversation; None if it is not kept."""
    kept = await conversations.get(tenant, conversation_id)
    if kept is None:
        return None
    return "\n".join(turn.text for turn in pb.Conversation.FromString(kept.body).turns)
