"""Both places that conversations come from, and what their failures mean for a job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from analysis_worker.sources.service import TENANT_METADATA, RemoteConversations
from analysis_worker.sources.store import StoredConversations
from bothsides.jobs import v1 as pb
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass
from common.store.operation import SyncRunner, ThreadRunner
from support.debates import debate
from support.worker_program import NAMESPACE, Desk

AnyContext = grpc.aio.ServicerContext[Any, Any]


class Conversations(pb.ConversationServiceServicer):
    """An application's own ConversationService: one conversation, of one tenant."""

    def __init__(self, kept: pb.Conversation, refusal: grpc.StatusCode | None = None) -> None:
        self._kept = kept
        self._refusal = refusal

    async def GetConversation(
        self, request: pb.GetConversationRequest, context: AnyContext
    ) -> pb.Conversation:
        if self._refusal is not None:
            await context.abort(self._refusal, "no")
        tenant = dict(context.invocation_metadata() or ()).get(TENANT_METADATA)
        if (tenant, request.conversation_id) != ("acme", self._kept.conversation_id):
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such conversation")
        return self._kept

    async def PutConversation(self, request: object, context: AnyContext) -> pb.Conversation:
        return await context.abort(grpc.StatusCode.UNIMPLEMENTED, "it is kept already")

    async def ListConversations(self, request: object, context: AnyContext) -> pb.ListConversationsResponse:
        return await context.abort(grpc.StatusCode.UNIMPLEMENTED, "there is one")

    async def DeleteConversation(self, request: object, context: AnyContext) -> pb.DeleteConversationResponse:
        return await context.abort(grpc.StatusCode.UNIMPLEMENTED, "it stays")


@asynccontextmanager
async def served(servicer: Conversations) -> AsyncIterator[RemoteConversations]:
    server = grpc.aio.server()
    pb.add_ConversationServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    source = RemoteConversations(f"127.0.0.1:{port}")
    try:
        yield source
    finally:
        await source.close()
        await server.stop(grace=None)


async def test_the_store_gives_back_what_was_put(client: redis.Redis) -> None:
    kept = debate(4)
    Desk(client, tenant="acme").put(kept)
    source = StoredConversations(ThreadRunner(SyncRunner(client)), NAMESPACE)

    assert pb.Conversation.FromString(await source.load("acme", "bridge")) == kept


async def test_a_conversation_of_another_tenant_is_not_there(client: redis.Redis) -> None:
    Desk(client, tenant="acme").put(debate(4))
    source = StoredConversations(ThreadRunner(SyncRunner(client)), NAMESPACE)

    with pytest.raises(AttemptFailed) as caught:
        await source.load("other", "bridge")
    assert (caught.value.error_class, caught.value.reason) == (
        ErrorClass.INVALID_INPUT,
        "CONVERSATION_NOT_FOUND",
    )


async def test_a_store_that_does_not_answer_is_worth_another_try() -> None:
    with redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0)) as nobody:
        source = StoredConversations(ThreadRunner(SyncRunner(nobody)), NAMESPACE)

        with pytest.raises(AttemptFailed) as caught:
            await source.load("acme", "bridge")
    assert caught.value.error_class is ErrorClass.TRANSIENT


async def test_another_service_is_asked_for_the_tenants_conversation() -> None:
    kept = debate(4)
    async with served(Conversations(kept)) as source:
        assert pb.Conversation.FromString(await source.load("acme", "bridge")) == kept

        with pytest.raises(AttemptFailed) as caught:
            await source.load("other", "bridge")
        assert caught.value.error_class is ErrorClass.INVALID_INPUT


async def test_a_conversation_of_many_megabytes_comes_through() -> None:
    large = pb.Conversation(conversation_id="bridge")
    large.turns.add(turn_id="t1", participant_id="ines", text="word " * 1_600_000)
    async with served(Conversations(large)) as source:
        assert pb.Conversation.FromString(await source.load("acme", "bridge")) == large


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, ErrorClass.TRANSIENT),
        (grpc.StatusCode.DEADLINE_EXCEEDED, ErrorClass.TRANSIENT),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ErrorClass.TRANSIENT),
        (grpc.StatusCode.INTERNAL, ErrorClass.TRANSIENT),
        (grpc.StatusCode.UNAUTHENTICATED, ErrorClass.AUTHENTICATION),
        (grpc.StatusCode.PERMISSION_DENIED, ErrorClass.AUTHENTICATION),
        (grpc.StatusCode.NOT_FOUND, ErrorClass.INVALID_INPUT),
        (grpc.StatusCode.INVALID_ARGUMENT, ErrorClass.INVALID_INPUT),
    ],
)
async def test_what_the_service_answers_decides_whether_it_is_tried_again(
    code: grpc.StatusCode, expected: ErrorClass
) -> None:
    async with served(Conversations(debate(4), refusal=code)) as source:
        with pytest.raises(AttemptFailed) as caught:
            await source.load("acme", "bridge")
    assert caught.value.error_class is expected


async def test_a_service_that_is_not_there_is_worth_another_try() -> None:
    source = RemoteConversations("127.0.0.1:1")
    try:
        with pytest.raises(AttemptFailed) as caught:
            await source.load("acme", "bridge")
    finally:
        await source.close()
    assert (caught.value.error_class, caught.value.reason) == (
        ErrorClass.TRANSIENT,
        "CONVERSATION_SERVICE_UNAVAILABLE",
    )
