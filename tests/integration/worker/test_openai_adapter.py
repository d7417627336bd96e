"""Every way in which a provider's answer can be none, over real HTTP and the real package."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import Iterator
from contextlib import suppress

import pytest
from measure.provider import Provider
from pydantic import BaseModel

from analysis_worker.engines.openai.adapter import OpenAiAdapter
from analysis_worker.engines.openai.answers import read_answer
from analysis_worker.engines.openai.request import Message, ModelRequest, request_of
from common.job.model import ErrorClass
from common.provider import errors
from common.provider.errors import ProviderFailure
from common.provider.limits import Quota
from common.provider.models import ModelTable
from support.openai_server import Fault, OpenAiServer, completion, error, openai_server
from support.waiting import wait_until_async

KEY = "sk-canary-4711"
HTML = b"<html><body>Bad gateway</body></html>"


class Sum(BaseModel):
    why: str
    score: int


def request(model: str = "gpt-6-luna") -> ModelRequest:
    card = ModelTable().card(model)
    messages = [Message("system", "Add."), Message("user", "secret-words")]
    return request_of(card, messages, Sum, output_tokens=500, cache_key="sum-1")


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(lambda _: '{"why": "because", "score": 3}') as served:
        yield served


async def ask(server: OpenAiServer, *, timeout_s: float = 10) -> Sum:
    async with OpenAiAdapter(KEY, base_url=server.url, timeout_s=timeout_s) as adapter:
        return read_answer((await adapter.send(request())).body, Sum)


async def test_a_body_without_an_end_is_left_at_the_bound() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{")
        with suppress(ConnectionError):
            while True:
                writer.write(b" " * 65_536)
                await writer.drain()
        writer.close()

    served = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with served:
        url = f"http://127.0.0.1:{served.sockets[0].getsockname()[1]}/v1"
        async with OpenAiAdapter(KEY, base_url=url, timeout_s=100) as adapter:
            with pytest.raises(errors.ServerFailed, match="longer than"):
                await adapter.send(request())


async def test_a_packed_body_is_not_asked_for_and_not_unpacked(server: OpenAiServer) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    server.faults = [Fault(body=bomb, headers={"content-encoding": "gzip"})]
    with pytest.raises(errors.ServerFailed, match="packed"):
        await ask(server)
    assert server.heard[0][1]["accept-encoding"] == "identity"
    assert await ask(server) == Sum(why="because", score=3)


async def test_an_answer_comes_with_its_usage_and_the_headers_of_the_quota(server: OpenAiServer) -> None:
    quota = {"x-ratelimit-remaining-tokens": "7", "x-other": "no"}
    server.faults = [Fault(body=completion('{"why": "w", "score": 1}'), headers=quota)]
    async with OpenAiAdapter(KEY, base_url=server.url) as adapter:
        reply = await adapter.send(request())
    assert read_answer(reply.body, Sum) == Sum(why="w", score=1)
    assert (reply.usage.input_tokens, reply.usage.cached_input_tokens, reply.usage.output_tokens) == (
        100,
        64,
        20,
    )
    assert dict(reply.headers) == {"x-ratelimit-remaining-tokens": "7"}


@pytest.mark.parametrize(
    ("fault", "failure", "error_class", "opens"),
    [
        (error(429, "rate_limit_exceeded"), errors.RateLimited, ErrorClass.RATE_LIMITED, False),
        (error(429, "insufficient_quota"), errors.QuotaExhausted, ErrorClass.QUOTA_EXHAUSTED, True),
        (error(500), errors.ServerFailed, ErrorClass.TRANSIENT, True),
        (error(502), errors.ServerFailed, ErrorClass.TRANSIENT, True),
        (error(503), errors.ServerFailed, ErrorClass.TRANSIENT, True),
        (Fault(drop=True), errors.ConnectionFailed, ErrorClass.TRANSIENT, True),
        (
            error(401, "invalid_api_key", f"Incorrect: {KEY}"),
            errors.AuthenticationFailed,
            "AUTHENTICATION",
            True,
        ),
        (error(403, "forbidden"), errors.AuthenticationFailed, ErrorClass.AUTHENTICATION, True),
        (error(404, "model_not_found"), errors.ModelNotFound, ErrorClass.AUTHENTICATION, True),
        (error(400, "context_length_exceeded"), errors.ContextTooLong, ErrorClass.INVALID_INPUT, False),
        (
            error(400, None, "This model's maximum context length is 4096 tokens.", kind="BadRequestError"),
            errors.ContextTooLong,
            ErrorClass.INVALID_INPUT,
            False,
        ),
        (
            Fault(400, b'{"object": "error", "message": "maximum context length is 4096", "code": 400}'),
            errors.ContextTooLong,
            ErrorClass.INVALID_INPUT,
            False,
        ),
        (
            error(400, None, kind="exceed_context_size_error"),
            errors.ContextTooLong,
            ErrorClass.INVALID_INPUT,
            False,
        ),
        (error(402), errors.QuotaExhausted, ErrorClass.QUOTA_EXHAUSTED, True),
        (error(429, "billing_not_active"), errors.QuotaExhausted, ErrorClass.QUOTA_EXHAUSTED, True),
        (error(400, "billing_hard_limit_reached"), errors.QuotaExhausted, ErrorClass.QUOTA_EXHAUSTED, True),
        (error(409), errors.ServerFailed, ErrorClass.TRANSIENT, True),
        (error(425), errors.ServerFailed, ErrorClass.TRANSIENT, True),
        (
            Fault(400, b'{"error": {"code": ["odd"], "type": 7}}'),
            errors.RequestInvalid,
            ErrorClass.INVALID_INPUT,
            False,
        ),
        (error(413), errors.ContextTooLong, ErrorClass.INVALID_INPUT, False),
        (error(400, "content_policy_violation"), errors.ContentRefused, ErrorClass.CONTENT_POLICY, False),
        (error(400, "content_filter"), errors.ContentRefused, ErrorClass.CONTENT_POLICY, False),
        (error(400, "unsupported_value"), errors.RequestInvalid, ErrorClass.INVALID_INPUT, False),
        (error(422), errors.RequestInvalid, ErrorClass.INVALID_INPUT, False),
        (error(408), errors.Timeout, ErrorClass.TIMEOUT, True),
        (Fault(body=HTML, content_type="text/html"), errors.ServerFailed, ErrorClass.TRANSIENT, True),
        (Fault(502, HTML, content_type="text/html"), errors.ServerFailed, ErrorClass.TRANSIENT, True),
        (Fault(body=b'{"choices": [{"mess'), errors.ServerFailed, ErrorClass.TRANSIENT, True),
        (Fault(body=b"{}"), errors.ServerFailed, ErrorClass.TRANSIENT, True),
        (
            Fault(body=completion('{"why": "be', finish_reason="length")),
            errors.OutputTruncated,
            ErrorClass.INVALID_OUTPUT,
            False,
        ),
        (
            Fault(body=completion(None, finish_reason="content_filter")),
            errors.ContentRefused,
            ErrorClass.CONTENT_POLICY,
            False,
        ),
        (
            Fault(body=completion(None, refusal="secret-words: I will not")),
            errors.Refused,
            ErrorClass.CONTENT_POLICY,
            False,
        ),
        (
            Fault(body=completion('{"secret-words": ')),
            errors.InvalidOutput,
            ErrorClass.INVALID_OUTPUT,
            False,
        ),
        (
            Fault(body=completion('{"why": "secret-words", "score": "9"}')),
            errors.InvalidOutput,
            ErrorClass.INVALID_OUTPUT,
            False,
        ),
        (Fault(body=completion(None)), errors.InvalidOutput, ErrorClass.INVALID_OUTPUT, False),
    ],
)
async def test_each_fault_is_a_typed_failure_that_quotes_nothing(
    server: OpenAiServer,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    failure: type[ProviderFailure],
    error_class: ErrorClass,
    opens: bool,
) -> None:
    caplog.set_level(logging.INFO)
    server.faults = [fault]
    with pytest.raises(ProviderFailure) as raised:
        await ask(server)
    assert type(raised.value) is failure
    assert (raised.value.error_class, raised.value.opens_circuit) == (error_class, opens)
    # It was asked once: only one place repeats calls
    assert len(server.heard) == 1
    # And neither the error, nor what it was raised from, nor the log says what was sent, answered or the key
    told = f"{raised.value!r} {raised.value.__cause__!r} {caplog.text}"
    assert "secret-words" not in told
    assert KEY not in told


@pytest.mark.parametrize(
    ("headers", "retry_after_ms"),
    [({"retry_after": "7"}, 7_000), ({"retry_after": "7", "retry_after_ms": "120"}, 120), ({}, None)],
)
async def test_a_refusal_says_when_to_come_back(
    server: OpenAiServer, headers: dict[str, str], retry_after_ms: int | None
) -> None:
    server.faults = [error(429, "rate_limit_exceeded", **headers)]
    with pytest.raises(errors.RateLimited) as raised:
        await ask(server)
    assert raised.value.retry_after_ms == retry_after_ms


async def test_a_refusal_says_what_the_limits_are(server: OpenAiServer) -> None:
    server.faults = [
        error(
            429,
            "rate_limit_exceeded",
            x_ratelimit_limit_tokens="200000",
            x_ratelimit_remaining_tokens="300",
            x_ratelimit_reset_tokens="59.9s",
        )
    ]
    with pytest.raises(errors.RateLimited) as raised:
        await ask(server)
    assert raised.value.told.tokens == Quota(200_000, 300)


async def test_an_exhausted_quota_says_when_it_is_renewed(server: OpenAiServer) -> None:
    server.faults = [error(429, None, kind="insufficient_quota", x_ratelimit_reset_requests="6m0s")]
    with pytest.raises(errors.QuotaExhausted) as raised:
        await ask(server)
    assert raised.value.reset_ms == 360_000


async def test_silence_is_a_timeout_and_closes_the_call(server: OpenAiServer) -> None:
    server.faults = [Fault(silent=True)]
    with pytest.raises(errors.Timeout):
        await ask(server, timeout_s=0.3)
    await wait_until_async(lambda: asyncio.to_thread(server.gone.is_set))


async def test_nobody_listening_is_a_failed_connection() -> None:
    async with OpenAiAdapter(KEY, base_url="http://127.0.0.1:9/v1") as adapter:
        with pytest.raises(errors.ConnectionFailed):
            await adapter.send(request())


async def test_to_cancel_closes_the_http_call(server: OpenAiServer) -> None:
    server.faults = [Fault(silent=True)]
    asking = asyncio.create_task(ask(server))
    await wait_until_async(lambda: asyncio.to_thread(lambda: bool(server.heard)))
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert asking.cancelled()
    await wait_until_async(lambda: asyncio.to_thread(server.gone.is_set))


async def test_a_request_says_what_its_model_takes_and_nothing_else(server: OpenAiServer) -> None:
    async with OpenAiAdapter(KEY, base_url=server.url) as adapter:
        await adapter.send(request("gpt-6-luna"))
        await adapter.send(request("gpt-4o-mini"))
    luna, mini = server.requests()
    assert luna["reasoning_effort"] == "none"
    assert not {"temperature", "seed"} & luna.keys()
    assert (mini["temperature"], mini["seed"]) == (0, 1)
    assert "reasoning_effort" not in mini
    for body in (luna, mini):
        assert body["response_format"]["json_schema"]["strict"] is True
        assert (body["max_completion_tokens"], body["prompt_cache_key"]) == (500, "sum-1")
        assert body == json.loads(request(body["model"]).text)
    # The key is where it belongs, in one header, and in no body
    assert all(KEY.encode() not in body for body, _ in server.heard)


async def test_missing_usage_is_never_counted_as_free(server: OpenAiServer) -> None:
    server.faults = [Fault(body=completion('{"why": "because", "score": 3}', usage=None))]
    async with OpenAiAdapter(KEY, base_url=server.url) as adapter:
        usage = (await adapter.send(request())).usage
    assert usage.input_tokens == request().input_tokens > 0
    assert usage.output_tokens > 0


def test_equal_requests_are_equal_bytes() -> None:
    assert request().sha256 == request().sha256 != request("gpt-4o-mini").sha256


async def test_a_server_that_others_wrote_answers_by_schema_and_refuses_above_its_quota() -> None:
    with Provider(rpm=2, tpm=100_000, seconds=1) as provider:
        async with OpenAiAdapter(KEY, base_url=provider.url) as adapter:
            replies = [await adapter.send(request()) for _ in range(2)]
            with pytest.raises(errors.RateLimited) as raised:
                await adapter.send(request())
    assert [type(read_answer(reply.body, Sum)) for reply in replies] == [Sum, Sum]
    assert all(reply.usage.output_tokens > 0 for reply in replies)
    assert raised.value.retry_after_ms is not None
