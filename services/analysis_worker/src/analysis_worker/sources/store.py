"""Conversations of the built-in store."""

from __future__ import annotations

from analysis_worker.sources.port import not_found
from common.errors import StoreUnavailable
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass
from common.store.documents import CONVERSATIONS, get_document
from common.store.operation import LoopRunner


class StoredConversations:
    """Reads what ConversationService of the scheduler keeps; a ConversationSource."""

    def __init__(self, runner: LoopRunner, namespace: str) -> None:
        self._runner = runner
        self._namespace = namespace

    async def load(self, tenant: str, conversation_id: str) -> bytes:
        """Return the serialized conversation; errors as the port says."""
        operation = get_document(self._namespace, CONVERSATIONS, tenant, conversation_id)
        try:
            document = await self._runner.run(operation)
        except StoreUnavailable as error:
            raise AttemptFailed(ErrorClass.TRANSIENT, error.reason, error.message) from error
        if document is None:
            raise not_found(conversation_id)
        return document.body
