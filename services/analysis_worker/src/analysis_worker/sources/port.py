"""The port through which jobs read conversations."""

from __future__ import annotations

from typing import Protocol

from common.job.failure import AttemptFailed
from common.job.model import ErrorClass


class ConversationSource(Protocol):
    """Reads conversations by id."""

    async def load(self, tenant: str, conversation_id: str) -> bytes:
        """Return the conversation as a serialized `bothsides.jobs.v1.Conversation`.

        It stays in bytes because most readers pass it on to a child process.

        Raises:
            AttemptFailed: INVALID_INPUT if there is none, TRANSIENT if the source does not answer,
                AUTHENTICATION if it does not accept this worker.
        """
        ...


def not_found(conversation_id: str) -> AttemptFailed:
    """Say that there is no such conversation; trying again would not help."""
    return AttemptFailed(
        ErrorClass.INVALID_INPUT,
        "CONVERSATION_NOT_FOUND",
        f"there is no conversation {conversation_id!r}",
        suggestion="put it with ConversationService.PutConversation, then retry the job",
    )
