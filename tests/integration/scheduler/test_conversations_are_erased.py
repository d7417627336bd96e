"""DeleteConversation over a real port: what was made of a conversation goes with it, late or not."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import redis
import redis.asyncio

from analysis_worker.paid.gate import GateSettings, PaidGate
from analysis_worker.paid.keeping import Keeping
from analysis_worker.paid.port import Answer, Call, Reply, Usage
from analysis_worker.sinks.store import StoredAnalyses
from analysis_worker.vault.port import KeptMap
from analysis_worker.vault.store import StoredVault
from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from common.job.failure import AttemptFailed
from common.job.ids import JobId
from common.provider.budget import Spending
from common.provider.models import ModelCard, ModelTable
from common.sealing import Sealer
from common.store import erasure, keys
from common.store.documents import ANALYSES, INSIGHTS, get_document, put_document
from common.store.erasure import KeptUnder, Step, note_answer
from common.store.keys import provider_keys
from common.store.operation import AsyncRunner, Operation, SyncRunner, ThreadRunner
from common.store.provider.budgets import read_budgets
from scheduler.erasing import LOOKS_MS, PAGE, Eraser
from support.scheduler import NAMESPACE, Served, credentials, debate, refusal, serving
from support.waiting import wait_until_async

MODELS = ModelTable({"small": ModelCard("small", price_input=1_000_000, price_output=1_000_000)})
SMALL = provider_keys(NAMESPACE, "openai", "small")


@dataclass
class Desk:
    """A worker's paid calls, and the store that they are kept in."""

    gate: PaidGate
    runner: AsyncRunner
    client: redis.Redis
    calls: int = 0

    async def run(self, operation: Operation[Any]) -> Any:
        return await self.runner.run(operation)

    async def ask(self, request: str, *about: str, tenant: str = "default") -> Answer:
        async def send() -> Reply:
            self.calls += 1
            return Reply(b'{"said": "%d"}' % self.calls, Usage(90, 0, 10), {})

        call = Call(tenant, "openai", "small", request, 0, 100, 50, 20, "ai-1", 1, conversation_ids=about)
        return await self.gate.ask(call, send)

    def answers(self) -> set[str]:
        """Return the ids of the kept answers: their keys, the index and the sizes must agree."""
        found = {key.decode().rpartition(":")[2] for key in self.client.scan_iter("*:answer:*")}
        names: list[Any] = self.client.hkeys(SMALL.prefix + "sizes")
        sizes = {name.decode() for name in names}
        index: list[Any] = self.client.zrange(SMALL.prefix + "answers", 0, -1)
        assert found == sizes == {one.decode() for one in index}
        held = sum(int(size) for size in self.client.hvals(SMALL.prefix + "sizes"))
        assert float(self.client.hget(SMALL.prefix + "state", "bytes") or 0) == held
        return found


@pytest.fixture
async def desk(valkey: str, client: redis.Redis) -> AsyncIterator[Desk]:
    connected = redis.asyncio.Redis.from_url(valkey)
    runner = AsyncRunner(connected)
    yield Desk(PaidGate(runner, NAMESPACE, models=MODELS), runner, client)
    await connected.aclose()


async def put(served: Served, name: str, **call: Any) -> None:
    request = pb.PutConversationRequest(conversation=debate(name))
    await served.conversations.PutConversation(request, **call)


async def delete(served: Served, name: str, **fields: Any) -> pb.DeleteConversationResponse:
    request = pb.DeleteConversationRequest(conversation_id=name, **fields)
    return await served.conversations.DeleteConversation(request)


async def spent(desk: Desk) -> Spending:
    budgets = await desk.run(read_budgets(NAMESPACE, "default"))
    found: Spending = budgets.total
    return found


def steps(client: redis.Redis) -> list[tuple[int, str]]:
    """Return what erasures have still to do, and for which conversation."""
    planned: list[Any] = client.zrange(keys.erasures(NAMESPACE), 0, -1)
    return sorted((look, name) for look, _, name in map(json.loads, planned))


async def take_now(desk: Desk, *, kept_elsewhere: bool = False) -> None:
    """Have the steps taken that are planned; if the scheduler is faster, by that."""
    before = steps(desk.client)
    planned: list[Any] = desk.client.zrange(keys.erasures(NAMESPACE), 0, -1)
    for step in planned:
        desk.client.zadd(keys.erasures(NAMESPACE), {step: 0})
    await Eraser(desk.runner, NAMESPACE, kept_elsewhere=kept_elsewhere).take()
    await until(lambda: steps(desk.client) != before)


async def until(condition: Callable[[], bool]) -> None:
    async def holds() -> bool:
        return condition()

    await wait_until_async(holds, timeout_s=30)


async def test_with_a_conversation_goes_all_that_was_made_of_it(scheduler: Served, desk: Desk) -> None:
    for name in ("mine", "other"):
        await put(scheduler, name)
        await desk.run(put_document(NAMESPACE, ANALYSES, "default", name, body=b"tone", job_id="ai-1"))
    sealed = Keeping(Sealer(os.urandom(32)))
    vault = StoredVault(ThreadRunner(SyncRunner(desk.client)), NAMESPACE, keeping=sealed)
    assert await vault.keep("default", "mine", b"Vandersloot", over=KeptMap())
    await desk.ask("a", "mine")
    await desk.ask("b", "mine", "other")
    await desk.ask("c", "other")
    await desk.ask("d")
    assert len(desk.answers()) == 4
    before = await spent(desk)
    assert before.cost_micro_usd == 400

    done = await delete(scheduler, "mine")

    assert (done.answer_count, done.analysis_deleted) == (2, True)
    assert len(desk.answers()) == 2
    left = [key.decode() for key in desk.client.scan_iter("*mine*")]
    assert left == [keys.asked_about(NAMESPACE, "default", "mine").erased]
    assert 0 < desk.client.pttl(left[0]) <= erasure.ERASED_MS
    listed = await scheduler.conversations.ListConversations(pb.ListConversationsRequest())
    assert [each.conversation_id for each in listed.conversations] == ["other"]
    analyses = await scheduler.analyses.ListAnalyses(pb.ListAnalysesRequest())
    assert [each.conversation_id for each in analyses.analyses] == ["other"]

    # What was paid stays counted; what is left is answered without a call; what is gone is asked anew
    assert await spent(desk) == before
    calls = desk.calls
    assert (await desk.ask("c", "other")).reused
    assert not (await desk.ask("b", "other")).reused
    assert desk.calls == calls + 1


async def test_insights_go_with_each_conversation_that_they_rest_on(scheduler: Served, desk: Desk) -> None:
    for name in ("first", "second", "other"):
        await put(scheduler, name)
    sink = StoredAnalyses(ThreadRunner(SyncRunner(desk.client)), NAMESPACE)
    job = JobId("data-1")

    async def keep(who: str, *rests_on: str) -> None:
        assert await sink.keep_insights("default", who, b"x", rests_on=rests_on, job_id=job, attempt=1)

    async def kept() -> list[str]:
        names = ("ines", "marek", "rosa")
        found = [await desk.run(get_document(NAMESPACE, INSIGHTS, "default", name)) for name in names]
        return [name for name, document in zip(names, found, strict=True) if document is not None]

    await keep("ines", "first", "second")
    await keep("marek", "second")
    await keep("rosa", "other")

    assert (await delete(scheduler, "second")).insights_count == 2
    assert await kept() == ["rosa"]

    # What rests on one that is gone is not kept; what is made anew without it is
    with pytest.raises(AttemptFailed, match="erased"):
        await keep("ines", "first", "second")
    assert await kept() == ["rosa"]
    await keep("ines", "first")
    assert (await delete(scheduler, "first")).insights_count == 1
    assert await kept() == ["rosa"]
    noted = keys.asked_about(NAMESPACE, "default", "other").insights
    assert [key.decode() for key in desk.client.scan_iter("*conversations*:insights:*")] == [noted]


async def test_what_is_not_there_is_not_found_unless_that_is_allowed(
    scheduler: Served, client: redis.Redis
) -> None:
    refused = await refusal(delete(scheduler, "nobody"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "CONVERSATION_NOT_FOUND")
    done = await delete(scheduler, "nobody", allow_missing=True)
    assert done == pb.DeleteConversationResponse()
    assert steps(client) == []


async def test_a_caller_erases_in_its_own_tenant_and_as_an_operator(valkey: str, desk: Desk) -> None:
    async with serving(valkey, auth=True) as served:
        for tenant in ("north", "south"):
            await put(served, "debate", metadata=credentials(tenant, Role.SUBMITTER))
            await desk.ask("a", "debate", tenant=tenant)
        request = pb.DeleteConversationRequest(conversation_id="debate")
        refused = await refusal(
            served.conversations.DeleteConversation(request, metadata=credentials("north", Role.SUBMITTER))
        )
        assert refused.code is grpc.StatusCode.PERMISSION_DENIED
        north = credentials("north", Role.OPERATOR)
        assert (await served.conversations.DeleteConversation(request, metadata=north)).answer_count == 1
        assert len(desk.answers()) == 1
        assert (await desk.ask("a", "debate", tenant="south")).reused


async def test_nothing_is_asked_about_a_conversation_that_is_gone(scheduler: Served, desk: Desk) -> None:
    await put(scheduler, "mine")
    await delete(scheduler, "mine")
    with pytest.raises(AttemptFailed, match="mine"):
        await desk.ask("a", "mine")
    assert desk.calls == 0


async def test_an_answer_under_way_is_forgotten_when_it_comes_in(scheduler: Served, desk: Desk) -> None:
    await put(scheduler, "mine")

    async def send() -> Reply:
        await delete(scheduler, "mine")
        return Reply(b"{}", Usage(90, 0, 10), {})

    call = Call("default", "openai", "small", "a", 0, 100, 50, 20, "ai-1", 1, conversation_ids=("mine",))
    # It is paid for, so who asked has it
    assert (await desk.gate.ask(call, send)).cost_micro_usd == 100
    assert desk.answers() == set()


async def test_what_came_in_late_is_found_when_it_is_looked_again(scheduler: Served, desk: Desk) -> None:
    await put(scheduler, "mine")
    await desk.ask("a", "mine")
    await delete(scheduler, "mine")

    # Its worker died between keeping the answer and looking whether the conversation is there
    await desk.ask("a")
    await desk.run(put_document(NAMESPACE, ANALYSES, "default", "mine", body=b"tone", job_id="ai-1"))
    assert len(desk.answers()) == 1
    for look in range(1, len(LOOKS_MS) + 1):
        assert steps(desk.client) == [(look, "mine")]
        assert len(desk.answers()) == (look == 1)
        await take_now(desk)
        assert desk.answers() == set()
    assert steps(desk.client) == []
    assert await desk.run(get_document(NAMESPACE, ANALYSES, "default", "mine")) is None


async def test_a_new_conversation_of_the_same_name_stays(scheduler: Served, desk: Desk) -> None:
    await put(scheduler, "mine")
    await desk.ask("a", "mine")
    await desk.ask("b", "mine")
    await delete(scheduler, "mine")
    await put(scheduler, "mine")
    await desk.ask("a", "mine")
    await desk.ask("b")
    await desk.run(put_document(NAMESPACE, ANALYSES, "default", "mine", body=b"tone", job_id="ai-2"))

    await take_now(desk)

    # Only the answer that nobody asked for about the new one is gone
    assert (await desk.ask("a", "mine")).reused
    assert len(desk.answers()) == 1
    kept = await scheduler.conversations.GetConversation(pb.GetConversationRequest(conversation_id="mine"))
    assert kept.turns
    assert await desk.run(get_document(NAMESPACE, ANALYSES, "default", "mine")) is not None


async def test_an_erasure_whose_replica_dies_is_ended_by_another(valkey: str, desk: Desk) -> None:
    async with serving(valkey) as served:
        await put(served, "mine")
        await desk.ask("a", "mine")
        # Written down, and no more
        await desk.run(erasure.plan(NAMESPACE, Step("default", "mine", 0), delay_ms=0, instead_of=()))
        await until(lambda: steps(desk.client) == [(1, "mine")])
        assert desk.answers() == set()
        refused = await refusal(
            served.conversations.GetConversation(pb.GetConversationRequest(conversation_id="mine"))
        )
        assert refused.reason == "CONVERSATION_NOT_FOUND"


async def test_more_answers_than_one_page_are_forgotten(scheduler: Served, desk: Desk) -> None:
    await put(scheduler, "mine")
    count = PAGE * 2 + 7
    for number in range(count):
        await desk.ask(str(number), "mine")
    assert (await delete(scheduler, "mine")).answer_count == count
    assert desk.answers() == set()


async def test_of_too_many_noted_answers_the_oldest_give_way(scheduler: Served, desk: Desk) -> None:
    await put(scheduler, "mine")
    answers = [KeptUnder("openai", "small/v2", str(number)) for number in range(4)]
    gave_way: list[KeptUnder] = []
    for answer in answers:
        noted = await desk.run(note_answer(NAMESPACE, "default", "mine", answer, keep_ms=60_000, most=2))
        gave_way += noted.gave_way
    assert gave_way == answers[:2]
    noted_in = keys.asked_about(NAMESPACE, "default", "mine").answers
    assert 60_000 < desk.client.pttl(noted_in) <= 120_000


async def test_of_a_conversation_kept_elsewhere_what_is_kept_here_goes(scheduler: Served, desk: Desk) -> None:
    gate = PaidGate(desk.runner, NAMESPACE, models=MODELS, conversations_elsewhere=True)
    elsewhere = Desk(gate, desk.runner, desk.client)
    vault = StoredVault(ThreadRunner(SyncRunner(desk.client)), NAMESPACE, keep_ms=60_000)
    assert await vault.keep("default", "theirs", b"Vandersloot", over=KeptMap())
    await elsewhere.ask("a", "theirs")

    assert (await delete(scheduler, "theirs")).answer_count == 1
    assert desk.answers() == set()
    assert await vault.load("default", "theirs") == KeptMap()


async def test_of_a_conversation_kept_elsewhere_only_what_was_noted_before_is_looked_for_again(
    valkey: str, desk: Desk
) -> None:
    gate = PaidGate(desk.runner, NAMESPACE, models=MODELS, conversations_elsewhere=True)
    async with serving(valkey, own_conversations=False) as served:

        async def send() -> Reply:
            await delete(served, "theirs", allow_missing=True)
            return Reply(b"{}", Usage(90, 0, 10), {})

        await Desk(gate, desk.runner, desk.client).ask("b", "theirs")
        late = Call(
            "default", "openai", "small", "a", 0, 100, 50, 20, "ai-1", 1, conversation_ids=("theirs",)
        )
        await gate.ask(late, send)
        assert len(desk.answers()) == 1
        # It is analysed anew while the last look is still to come
        await Desk(gate, desk.runner, desk.client).ask("c", "theirs")
        await desk.run(put_document(NAMESPACE, ANALYSES, "default", "theirs", body=b"tone", job_id="ai-2"))
        await take_now(desk, kept_elsewhere=True)
        assert len(desk.answers()) == 1
        assert (await Desk(gate, desk.runner, desk.client).ask("c", "theirs")).reused
        assert await desk.run(get_document(NAMESPACE, ANALYSES, "default", "theirs")) is not None


async def test_answers_that_are_not_kept_are_not_noted(scheduler: Served, desk: Desk) -> None:
    await put(scheduler, "mine")
    gate = PaidGate(desk.runner, NAMESPACE, models=MODELS, settings=GateSettings(keep_ms=0))
    await Desk(gate, desk.runner, desk.client).ask("a", "mine")
    assert not desk.client.exists(keys.asked_about(NAMESPACE, "default", "mine").answers)
