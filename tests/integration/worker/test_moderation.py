"""The provider's moderation over real HTTP: what is asked in how many requests, and what can go wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterator

import pytest

from analysis_worker.engines.openai.adapter import OpenAiAdapter
from analysis_worker.engines.openai.asking import Client
from analysis_worker.engines.openai.moderation import MOST_PIECES, PIECE_CHARACTERS, moderated
from analysis_worker.paid.port import Answer, Call, Reply
from common.provider import errors
from common.provider.errors import ProviderFailure
from support.openai_server import Fault, OpenAiServer, error, moderation, openai_server

MODEL = "omni-moderation-latest"
KEY = "sk-canary-4711"


class Through:
    """Makes each call, and remembers it."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def ask(self, call: Call, send: Callable[[], Awaitable[Reply]]) -> Answer:
        self.calls.append(call)
        reply = await send()
        return Answer(reply.body, reply.usage, reused=False, cost_micro_usd=0, saved_micro_usd=0)


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server() as served:
        yield served


async def kinds(server: OpenAiServer, *texts: str, through: Through | None = None) -> list[set[str]]:
    async with OpenAiAdapter(KEY, base_url=server.url) as adapter:
        client = Client(adapter, through or Through(), "t", "ai-1", 1)
        return [{kind.value for kind in found} for found in await moderated(client, MODEL, texts)]


async def test_each_text_has_the_kinds_of_its_categories(server: OpenAiServer) -> None:
    server.moderator = lambda text: text.split()
    assert await kinds(server, "hate violence", "", "calm", "self-harm/intent") == [
        {"hate", "violence"},
        set(),
        set(),
        {"self_harm"},
    ]
    [body] = map(json.loads, server.moderated)
    assert body == {"model": MODEL, "input": ["hate violence", "calm", "self-harm/intent"]}


async def test_subcategories_are_told_by_their_first_part_and_new_ones_are_other(
    server: OpenAiServer,
) -> None:
    told = [
        {"flagged": True, "categories": {"hate/threatening": True, "sexual/minors": True, "hate": False}},
        {"flagged": True, "categories": {"spoilers": True}},
        {"flagged": True, "categories": {}},
        {"flagged": False, "categories": {"illicit/violent": None}},
    ]
    server.moderation_fault = Fault(body=json.dumps({"results": told}).encode())
    assert await kinds(server, "a", "b", "c", "d") == [{"hate", "sexual"}, {"other"}, {"other"}, set()]


async def test_long_texts_go_in_pieces_and_many_in_several_requests(server: OpenAiServer) -> None:
    server.moderator = lambda text: ("violence",) if "torches" in text else ()
    long = "word " * 1_000 + "torches " + "word " * 1_000
    through = Through()
    found = await kinds(server, *["calm"] * 40, long, "x" * 5_000, through=through)
    assert found == [set()] * 40 + [{"violence"}, set()]
    inputs = [json.loads(body)["input"] for body in server.moderated]
    assert [len(texts) for texts in inputs] == [MOST_PIECES, 40 + 6 + 3 - MOST_PIECES]
    assert all(len(text) <= PIECE_CHARACTERS for texts in inputs for text in texts)
    pieces = [text for texts in inputs for text in texts]
    assert "".join(pieces[40:46]).split() == long.split()
    # Each is a call of its own to the gate: free, but not without input.
    assert len({call.request_sha256 for call in through.calls}) == 2
    assert all(call.input_tokens > 0 and call.output_tokens == 0 for call in through.calls)


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (error(429, "rate_limit_exceeded"), errors.RateLimited),
        (error(429, "insufficient_quota"), errors.QuotaExhausted),
        (error(401, "invalid_api_key", f"Incorrect: {KEY}"), errors.AuthenticationFailed),
        (error(404, "model_not_found"), errors.ModelNotFound),
        (error(400, "invalid_value", "secret-words"), errors.RequestInvalid),
        (error(503), errors.ServerFailed),
        (Fault(drop=True), errors.ConnectionFailed),
        (Fault(body=b"<html>secret-words</html>", content_type="text/html"), errors.ServerFailed),
        (Fault(body=b'{"results": ['), errors.ServerFailed),
        (Fault(body=b'{"results": []}'), errors.ServerFailed),
        (Fault(body=b'{"results": [{"flagged": "no", "categories": {}}]}'), errors.ServerFailed),
        (Fault(body=moderation(["one", "too many"], lambda _: ())), errors.ServerFailed),
    ],
)
async def test_each_fault_is_a_typed_failure_that_quotes_nothing(
    server: OpenAiServer, caplog: pytest.LogCaptureFixture, fault: Fault, failure: type[ProviderFailure]
) -> None:
    caplog.set_level(logging.INFO)
    server.moderation_fault = fault
    with pytest.raises(ProviderFailure) as raised:
        await kinds(server, "secret-words")
    assert type(raised.value) is failure
    assert len(server.moderated) == 1
    assert raised.value.__cause__ is None
    for hidden in ("secret-words", KEY):
        assert hidden not in str(raised.value) + caplog.text
