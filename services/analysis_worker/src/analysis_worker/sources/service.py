"""Conversations of another server of ConversationService: the application's own."""

from __future__ import annotations

from typing import Final

import grpc.aio

from analysis_worker.sources.port import not_found
from bothsides.jobs import v1 as pb
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass

#: A source that says nothing for this long is treated as away (s).
CALL_S: Final = 20.0
#: What PutConversation admits, and room for ids and names around the text.
MESSAGE_MAX_BYTES: Final = 16 * 1024 * 1024
#: Names the tenant to a server that keeps conversations of several.
TENANT_METADATA: Final = "bothsides-tenant"

_REFUSED: Final = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
_INVALID: Final = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)


class RemoteConversations:
    """Calls GetConversation; a ConversationSource.

    Args:
        address: `host:port` of the server.
        credentials: None for a plain-text connection.
    """

    def __init__(self, address: str, *, credentials: grpc.ChannelCredentials | None = None) -> None:
        self._address = address
        self._credentials = credentials
        self._channel: grpc.aio.Channel | None = None

    async def load(self, tenant: str, conversation_id: str) -> bytes:
        """Return the serialized conversation; errors as the port says."""
        stub = pb.ConversationServiceStub(self._open())
        try:
            conversation = await stub.GetConversation(
                pb.GetConversationRequest(conversation_id=conversation_id),
                timeout=CALL_S,
                metadata=((TENANT_METADATA, tenant),),
            )
        except grpc.aio.AioRpcError as error:
            raise _failure(error.code(), conversation_id) from error
        return conversation.SerializeToString(deterministic=True)

    async def close(self) -> None:
        """Close the connection, on the loop that used it."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:  # made here, since a channel belongs to the loop it was made on
            options = [("grpc.max_receive_message_length", MESSAGE_MAX_BYTES)]
            self._channel = (
                grpc.aio.insecure_channel(self._address, options=options)
                if self._credentials is None
                else grpc.aio.secure_channel(self._address, self._credentials, options=options)
            )
        return self._channel


def _failure(code: grpc.StatusCode, conversation_id: str) -> AttemptFailed:
    if code is grpc.StatusCode.NOT_FOUND:
        return not_found(conversation_id)
    if code in _REFUSED:
        return AttemptFailed(
            ErrorClass.AUTHENTICATION,
            "CONVERSATION_SERVICE_REFUSED",
            f"the conversation service answered {code.name}",
            suggestion="let the workers call GetConversation there",
        )
    if code in _INVALID:
        return AttemptFailed(
            ErrorClass.INVALID_INPUT,
            "CONVERSATION_REFUSED",
            f"the conversation service answered {code.name} for {conversation_id!r}",
        )
    return AttemptFailed(
        ErrorClass.TRANSIENT,
        "CONVERSATION_SERVICE_UNAVAILABLE",
        f"the conversation service answered {code.name}",
        suggestion="check CONVERSATION_SERVICE_ADDR, and that the service runs",
    )
