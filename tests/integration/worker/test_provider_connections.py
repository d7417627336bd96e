"""The connections that calls to a provider are made over, as the provider counts them."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Iterator

import pytest

from analysis_worker.engines.openai.adapter import OpenAiAdapter
from analysis_worker.engines.openai.connections import Connections, connections
from analysis_worker.engines.openai.request import Message, ModelRequest, request_of
from analysis_worker.engines.openai.topics import TopicsAnswer
from common.provider import errors
from common.provider.models import ModelTable
from support.openai_server import Fault, OpenAiServer, error, openai_server
from support.waiting import wait_until_async

AT_ONCE = 3


def request(number: int = 0) -> ModelRequest:
    card = ModelTable().card("gpt-6-luna")
    return request_of(card, [Message("user", f"question {number}")], TopicsAnswer, output_tokens=500)


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server() as served:
        yield served


async def test_calls_one_after_the_other_share_a_connection(server: OpenAiServer) -> None:
    async with OpenAiAdapter("sk-x", base_url=server.url) as adapter:
        for number in range(4):
            await adapter.send(request(number))
    assert (len(server.heard), server.connections) == (4, 1)


async def test_each_call_in_flight_has_a_connection_and_those_serve_the_next_calls(
    server: OpenAiServer,
) -> None:
    # Given a provider that answers once so many ask at a time
    together = threading.Barrier(AT_ONCE, timeout=10)

    def answer(_: object) -> str:
        together.wait()
        return "{}"

    server.author = answer
    async with OpenAiAdapter("sk-x", base_url=server.url) as adapter:
        for _ in range(3):
            await asyncio.gather(*(adapter.send(request(number)) for number in range(AT_ONCE)))
    assert (len(server.heard), server.connections) == (3 * AT_ONCE, AT_ONCE)


async def test_a_call_is_sent_with_the_headers_of_the_package_and_its_key(server: OpenAiServer) -> None:
    async with OpenAiAdapter("sk-x", base_url=server.url) as adapter:
        await adapter.send(request())
        await adapter.send(request(1))
    assert len(server.heard) == 2
    for _, told in server.heard:
        assert told["authorization"] == "Bearer sk-x"
        assert told["content-type"] == told["accept"] == "application/json"
        assert told["accept-encoding"] == "identity"
        assert told["user-agent"].startswith("AsyncOpenAI/Python")
        assert told["x-stainless-lang"] == "python"


async def test_a_provider_may_send_its_callers_elsewhere(server: OpenAiServer) -> None:
    server.faults = [Fault(307, b"", {"location": server.url + "/chat/completions"})]
    async with OpenAiAdapter("sk-x", base_url=server.url) as adapter:
        await adapter.send(request())
    assert len(server.heard) == 2
    [(first, _), (second, _)] = server.heard
    assert first == second


async def test_a_connection_that_the_provider_has_closed_is_made_anew(server: OpenAiServer) -> None:
    server.faults = [Fault(drop=True)]
    async with OpenAiAdapter("sk-x", base_url=server.url) as adapter:
        with pytest.raises(errors.ConnectionFailed):
            await adapter.send(request())
        await adapter.send(request())
    assert server.connections == 2


async def test_a_call_that_is_refused_or_cancelled_leaves_room_for_the_next(server: OpenAiServer) -> None:
    server.faults = [error(500), Fault(silent=True)]
    async with OpenAiAdapter("sk-x", base_url=server.url, timeout_s=0.3) as adapter:
        with pytest.raises(errors.ServerFailed):
            await adapter.send(request())
        with pytest.raises(errors.Timeout):
            await adapter.send(request())
        await adapter.send(request())
    # What was refused had been read, so that its connection served the next call; only silence cost one.
    assert server.connections == 2


async def test_who_closes_ends_the_calls_that_are_under_way(server: OpenAiServer) -> None:
    server.faults = [Fault(silent=True)]
    async with OpenAiAdapter("sk-x", base_url=server.url, timeout_s=10) as adapter:
        asking = asyncio.create_task(adapter.send(request()))
        await wait_until_async(lambda: asyncio.to_thread(lambda: server.heard))
        await adapter.close()
        with pytest.raises(errors.ConnectionFailed):
            await asking
    assert server.gone.wait(10)


async def test_calls_that_are_cancelled_as_they_connect_leave_no_socket(server: OpenAiServer) -> None:
    cancelled = 0
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with OpenAiAdapter("sk-x", base_url=server.url, timeout_s=10) as adapter:
            for steps in range(60):
                asking = asyncio.create_task(adapter.send(request()))
                for _ in range(steps % 20):
                    await asyncio.sleep(0)
                cancelled += asking.cancel()
                await asyncio.wait([asking])
        gc.collect()
        left = [str(each.message) for each in warned if each.category is ResourceWarning]
    assert left == []
    assert cancelled > 30


def test_where_the_environment_names_a_proxy_the_package_makes_connections_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert isinstance(connections(), Connections)
    monkeypatch.setenv("no_proxy", "example.org")
    assert isinstance(connections(), Connections)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert connections() is None
