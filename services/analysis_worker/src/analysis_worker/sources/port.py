"""The ports through which jobs read conversations, and analyses of them that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from common.job.failure import AttemptFailed
from common.job.model import ErrorClass

#: The reason of an attempt that asked for a conversation that is not there.
CONVERSATION_NOT_FOUND: Final = "CONVERSATION_NOT_FOUND"


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


class AnalysisSource(Protocol):
    """Reads kept analyses."""

    async def latest(self, tenant: str, want: int) -> list[str]:
        """Return the conversations of the latest kept analyses, the latest first; at most `want`.

        Raises:
            AttemptFailed: TRANSIENT if the source does not answer.
        """
        ...

    async def load_analyses(self, tenant: str, conversation_ids: Sequence[str]) -> list[bytes | None]:
        """Return serialized `bothsides.jobs.v1.DebateAnalysis`, in order; None where none is kept.

        Raises:
            AttemptFailed: TRANSIENT if the source does not answer.
        """
        ...


def not_found(conversation_id: str) -> AttemptFailed:
    """Say that there is no such conversation; trying again would not help."""
    return AttemptFailed(
        ErrorClass.INVALID_INPUT,
        CONVERSATION_NOT_FOUND,
        f"there is no conversation {conversation_id!r}",
        suggestion="put it with ConversationService.PutConversation, then retry the job",
    )


def erased_meanwhile() -> AttemptFailed:
    """Say that a conversation went after its analysis was read; what is made anew does without it."""
    return AttemptFailed(
        ErrorClass.TRANSIENT,
        "CONVERSATION_ERASED",
        "a conversation was erased after its analysis was read",
        suggestion="nothing; if it lasts, erase it once more (`bothsides conversations delete`)",
    )
