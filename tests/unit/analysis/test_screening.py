"""When it is known what may be sent and quoted: one job's screen, and a moderation that takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.domain.conversation import Conversation, Participant, Turn
from analysis_worker.domain.safety import Moderation, SafetyAction
from analysis_worker.engines.openai.adapter import OpenAiAdapter
from analysis_worker.engines.openai.asking import Client
from analysis_worker.engines.openai.outbound import Outbound, outbound_of
from analysis_worker.paid.port import Answer, Call, Reply, Usage
from analysis_worker.privacy.safety import kinds_in, safety_of
from analysis_worker.privacy.settings import Screening
from analysis_worker.transcript.screening import Screen
from bothsides.jobs import v1 as pb
from common.content.rules import ContentAction, ContentRules
from common.provider.errors import ServerFailed
from support.openai_server import moderation

SAID = Conversation(
    "c",
    participants=(Participant("ann"), Participant("bob")),
    turns=(
        Turn("t0", "ann", "We should plant trees."),
        Turn("t1", "bob", "We will come with torches. It is bullshit."),
    ),
)


class SlowProvider:
    """Answers moderations once it may; fails if it is to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.may_answer = asyncio.Event()
        self.asked = asyncio.Event()
        self._fails = fails

    async def ask(self, call: Call, send: Callable[[], Awaitable[Reply]]) -> Answer:
        self.asked.set()
        await self.may_answer.wait()
        if self._fails:
            raise ServerFailed
        assert isinstance(send, partial)
        body = moderation(send.args[0].texts, lambda text: ("violence",) if "torches" in text else ())
        return Answer(body, Usage(1, 0, 0), reused=False, cost_micro_usd=0, saved_micro_usd=0)


def client_of(provider: SlowProvider) -> Client:
    return Client(OpenAiAdapter("sk-x", base_url="http://127.0.0.1:9"), provider, "t", "ai-1", 1)


def screen_of(action: ContentAction, *, fails_closed: bool = False) -> Screen:
    screening = Screening(ContentRules(input=action), "omni-moderation-latest", fails_closed)
    return Screen(screening, pb.ContentFilter())


def debate() -> Outbound:
    return outbound_of(SAID, b"secret")


async def passes(awaitable: Awaitable[object]) -> bool:
    """Say whether something is done once everything that can go on has gone on."""
    task = asyncio.ensure_future(awaitable)
    for _ in range(50):
        await asyncio.sleep(0)
    done = task.done()
    task.cancel()
    return done


@pytest.mark.parametrize("fails", [False, True])
async def test_nothing_is_quoted_before_moderation_has_judged_or_failed(fails: bool) -> None:
    provider, screen = SlowProvider(fails=fails), screen_of(ContentAction.MASK)
    screen.receive(safety_of(SAID, english=True))
    asking = asyncio.create_task(screen.sent(client_of(provider), debate()))
    await provider.asked.wait()
    assert not await passes(screen.judged([asking]))
    provider.may_answer.set()
    await screen.judged([asking])
    sent = await asking
    assert "bullshit" not in " ".join(line.text for line in sent.lines)
    assert ("torches" in " ".join(line.text for line in sent.lines)) is fails
    assert screen.safety.moderation is (Moderation.FAILED_OPEN if fails else Moderation.ASKED)


async def test_nothing_waits_where_flags_change_nothing_or_nobody_asks_a_model() -> None:
    provider = SlowProvider()
    flagging = screen_of(ContentAction.FLAG)
    asking = asyncio.create_task(flagging.sent(client_of(provider), debate()))
    await provider.asked.wait()
    assert await passes(flagging.judged([asking]))
    asking.cancel()
    assert await passes(screen_of(ContentAction.MASK).judged([]))
    # Nor where those who would ask have ended without.
    ended = asyncio.create_task(asyncio.sleep(0))
    assert await passes(screen_of(ContentAction.MASK).judged([ended]))


@pytest.mark.parametrize("action", [ContentAction.MASK, ContentAction.REFUSE])
async def test_nothing_is_sent_before_the_lists_have_been_asked(action: ContentAction) -> None:
    provider, screen = SlowProvider(), screen_of(action)
    provider.may_answer.set()
    assert not await passes(screen.sent(client_of(provider), debate()))
    assert not provider.asked.is_set()


async def test_moderation_that_fails_closed_lets_nothing_be_sent(caplog: pytest.LogCaptureFixture) -> None:
    provider, screen = SlowProvider(fails=True), screen_of(ContentAction.FLAG, fails_closed=True)
    provider.may_answer.set()
    with pytest.raises(ServerFailed):
        await screen.sent(client_of(provider), debate())
    assert screen.safety.moderation is Moderation.FAILED_CLOSED
    assert caplog.messages == ["the moderation failed (ServerFailed): nothing is sent or kept without it"]


async def test_what_several_ask_for_is_moderated_once() -> None:
    provider, screen = SlowProvider(), screen_of(ContentAction.FLAG)
    provider.may_answer.set()
    client = client_of(provider)
    first, second = await asyncio.gather(screen.sent(client, debate()), screen.sent(client, debate()))
    assert first is second
    assert {each.action for each in screen.safety.flagged} == {SafetyAction.FLAGGED}


UNASKED = client_of(SlowProvider())
#: Words, parts of words, what hides them, and what ids are made of.
PIECES = (
    "shit",
    "455",
    "a55",
    "f.u",
    "c.k",
    "gook",
    "coon",
    "I will",
    "kill",
    " ",
    "you",
    "0",
    "deadbeef0123",
)


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), max_size=6))
async def test_words_are_counted_by_the_texts_that_hold_them(texts: list[str]) -> None:
    screen = Screen(Screening(), pb.ContentFilter())
    found = await screen.words(UNASKED, None, texts)
    assert found == texts
    told = {each.kind: each.count for each in screen.safety.words}
    apart = [kind for text in dict.fromkeys(texts) for kind in kinds_in(text)]
    assert told == {kind: apart.count(kind) for kind in apart}
