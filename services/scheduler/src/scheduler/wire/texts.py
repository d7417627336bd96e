"""The words of kept conversations, for what reads their length."""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from scheduler.documents import Documents
from scheduler.model_rules import Spoken


async def spoken_in(conversations: Documents, tenant: str, conversation_id: str) -> Spoken | None:
    """Return what was said in a conversation; None if it is not kept."""
    kept = await conversations.get(tenant, conversation_id)
    if kept is None:
        return None
    conversation = pb.Conversation.FromString(kept.body)
    speakers = {turn.participant_id for turn in conversation.turns}
    known = speakers | {participant.participant_id for participant in conversation.participants}
    return Spoken(tuple(turn.text for turn in conversation.turns), conversation.motion, len(known))
