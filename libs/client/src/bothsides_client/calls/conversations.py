"""Calls of ConversationService and AnalysisService."""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from bothsides_client.call import Call, Pages, same

_CONVERSATIONS = "ConversationService"
_ANALYSES = "AnalysisService"


def put_conversation(conversation: pb.Conversation) -> Call[pb.Conversation]:
    """Create or replace the conversation."""
    request = pb.PutConversationRequest(conversation=conversation)
    return Call(_CONVERSATIONS, "PutConversation", request, same)


def get_conversation(conversation_id: str) -> Call[pb.Conversation]:
    """Return the conversation with its turns."""
    request = pb.GetConversationRequest(conversation_id=conversation_id)
    return Call(_CONVERSATIONS, "GetConversation", request, same)


def list_conversations(*, page_size: int = 0) -> Pages[pb.Conversation]:
    """Yield the conversations without their turns, newest first."""
    request = pb.ListConversationsRequest(page_size=page_size)
    return Pages(
        Call(_CONVERSATIONS, "ListConversations", request, same), lambda page: list(page.conversations)
    )


def delete_conversation(
    conversation_id: str, *, allow_missing: bool = False, delete_jobs: bool = False
) -> Call[pb.DeleteConversationResponse]:
    """Remove the conversation with all that was made of it, and say what that was."""
    request = pb.DeleteConversationRequest(
        conversation_id=conversation_id, allow_missing=allow_missing, delete_jobs=delete_jobs
    )
    return Call(_CONVERSATIONS, "DeleteConversation", request, same)


def get_analysis(conversation_id: str) -> Call[pb.Analysis]:
    """Return the latest kept analysis of the conversation."""
    return Call(_ANALYSES, "GetAnalysis", pb.GetAnalysisRequest(conversation_id=conversation_id), same)


def get_insights(participant_id: str) -> Call[pb.Insights]:
    """Return the latest kept insights of the participant."""
    return Call(_ANALYSES, "GetInsights", pb.GetInsightsRequest(participant_id=participant_id), same)


def list_analyses(*, page_size: int = 0) -> Pages[pb.Analysis]:
    """Yield the kept analyses without their results, newest first."""
    request = pb.ListAnalysesRequest(page_size=page_size)
    return Pages(Call(_ANALYSES, "ListAnalyses", request, same), lambda page: list(page.analyses))
