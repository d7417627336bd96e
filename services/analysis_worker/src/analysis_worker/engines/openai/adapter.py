"""The only place that speaks with the `openai` package: requests in, replies or typed failures out.

The package retries nothing here, since one place decides retries. Foreign errors are never chained: their
texts quote requests, and once in a while a part of the key. Whether an answer is a good one is decided by
`answers`, also of an answer that was paid for earlier: so it is asked for raw, and not parsed by the package.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import httpx2
import openai

from analysis_worker.engines.openai.connections import Client
from analysis_worker.engines.openai.http_connection import MAX_BODY_BYTES
from analysis_worker.engines.openai.request import ModelRequest
from analysis_worker.paid.port import Reply, Usage
from common.provider.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    ContentRefused,
    ContextTooLong,
    ModelNotFound,
    ProviderFailure,
    QuotaExhausted,
    RateLimited,
    RequestInvalid,
    ServerFailed,
    Timeout,
)
from common.provider.limits import duration_ms, retry_after_of, told_by
from common.provider.tokens import estimate_tokens

if TYPE_CHECKING:
    from analysis_worker.engines.openai.moderation import ModerationRequest

#: No connection after this (s): the provider is away.
CONNECT_S: Final = 5.0
#: A call in all (s). The package would wait 600 s, three times.
CALL_S: Final = 60.0
_KEPT_HEADERS: Final = ("x-ratelimit-", "retry-after")
_CONTENT_CODES: Final = frozenset({"content_filter", "content_policy_violation", "moderation_blocked"})
#: Nothing is left to pay with, in the words of OpenAI and of servers that are compatible.
_QUOTA_CODES: Final = frozenset({"insufficient_quota", "billing_not_active", "billing_hard_limit_reached"})
_CONTEXT_CODES: Final = frozenset({"context_length_exceeded", "exceed_context_size_error"})
#: How compatible servers say it that have no code for it, such as vLLM.
_CONTEXT_WORDS: Final = re.compile(
    r"context (?:length|size|window)|(?:prompt|input) is too long|too many tokens", re.IGNORECASE
)
#: Of a message that is looked at (characters).
_MOST_WORDS: Final = 2_000
_PAYMENT: Final = 402
_BAD_REQUEST: Final = 400
_TOO_LONG: Final = 413
#: What passes: a lock that another holds (409), and what came too early (425).
_PASSING: Final = frozenset({409, 425})
_TIMED_OUT: Final = 408
_SERVER: Final = 500


class OpenAiAdapter:
    """Sends requests to one provider. Made for one event loop.

    Args:
        base_url: Any compatible server; None for OpenAI's own.
        timeout_s: How long a call may take in all.
    """

    def __init__(self, api_key: str, *, base_url: str | None = None, timeout_s: float = CALL_S) -> None:
        self._timeout_s = timeout_s
        timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url,
            max_retries=0,
            timeout=timeout,
            http_client=Client(timeout),
        )
        # In full, as the package reads a relative one thrice.
        self._completions_url = f"{self._client.base_url}chat/completions"
        #: What limits, circuits and books know the provider by.
        self.provider = (urlsplit(base_url).hostname or "openai") if base_url else "openai"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()

    async def send(self, request: ModelRequest) -> Reply:
        """Return what came over the wire. To cancel it closes the call.

        Raises:
            ProviderFailure: No answer came, in all the ways there are.
        """
        # The body is as it is to be: `create` would look through all of it, at a third of what a call costs.
        raw = await self._received(
            self._client.post(self._completions_url, cast_to=httpx2.Response, content=request.text.encode())
        )
        return _reply(raw.content, raw.headers, request)

    async def moderate(self, request: ModerationRequest) -> Reply:
        """Return what came over the wire: a result for each text. To cancel it closes the call.

        Raises:
            ProviderFailure: No answer came, in all the ways there are.
        """
        raw = await self._received(self._client.moderations.with_raw_response.create(**request.body))
        if not _has_results(raw.content, len(request.texts)):
            raise ServerFailed("the reply is no moderation of all texts")
        return Reply(raw.content, Usage(request.input_tokens, 0, 0), _kept(raw.headers))

    async def _received(self, call: Awaitable[Any]) -> Any:
        """Wait for a response, and turn what is raised instead into what it means."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await call
        except ProviderFailure:
            raise
        except (
            TimeoutError,
            openai.APITimeoutError,
        ) as error:  # before APIConnectionError, of which it is one
            if isinstance(error.__cause__, httpx2.ConnectTimeout):  # nothing was sent
                raise ConnectionFailed from None
            raise Timeout(f"no answer within {self._timeout_s:g} s") from None
        except openai.APIConnectionError as error:
            if isinstance(error.__cause__, ProviderFailure):
                raise error.__cause__ from None
            raise ConnectionFailed from None
        except openai.APIStatusError as error:
            raise _refusal(error) from None
        except Exception as error:
            # A proxy's page, a body that is cut: the package raises what its parsers happen to raise.
            raise ServerFailed(f"the reply could not be read ({type(error).__name__})") from None


def _refusal(error: openai.APIStatusError) -> ProviderFailure:
    """Return what a status other than 200 means."""
    status, headers = error.status_code, error.response.headers
    told = f"status {status}"
    codes = {name for name in (error.code, error.type) if isinstance(name, str)}
    if status == _PAYMENT or codes & _QUOTA_CODES:
        return QuotaExhausted(told, reset_ms=_reset_ms(headers))
    match error:
        case openai.RateLimitError():
            return RateLimited(
                told,
                retry_after_ms=retry_after_of(headers),
                reset_ms=_reset_ms(headers),
                told=told_by(headers),
            )
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return AuthenticationFailed(told)
        case openai.NotFoundError():
            return ModelNotFound(told)
    if codes & _CONTENT_CODES:
        return ContentRefused(told)
    if status == _TOO_LONG or codes & _CONTEXT_CODES or (status == _BAD_REQUEST and _says_too_long(error)):
        return ContextTooLong(told)
    if status == _TIMED_OUT:
        return Timeout(told)
    if status >= _SERVER or status in _PASSING:
        return ServerFailed(told, retry_after_ms=retry_after_of(headers))
    return RequestInvalid(told)


def _says_too_long(error: openai.APIStatusError) -> bool:
    """Say whether the words of an error, which are shown to nobody, are about the length of the request."""
    return _CONTEXT_WORDS.search(error.message[:_MOST_WORDS]) is not None


def _reset_ms(headers: Mapping[str, str]) -> int | None:
    resets = (duration_ms(headers.get(f"x-ratelimit-reset-{kind}", "")) for kind in ("requests", "tokens"))
    return max((reset for reset in resets if reset is not None), default=None)


def _reply(content: bytes, headers: Mapping[str, str], request: ModelRequest) -> Reply:
    """Return a completion as it came.

    Raises:
        ServerFailed: It is none: something that stands before the provider has answered.
    """
    if len(content) > MAX_BODY_BYTES:
        raise ServerFailed(f"the reply is longer than {MAX_BODY_BYTES} bytes")
    try:
        completion = json.loads(content)
        choices = completion["choices"]
        is_one = isinstance(choices, list) and bool(choices) and isinstance(choices[0]["message"], dict)
    except (ValueError, LookupError, TypeError, RecursionError):
        is_one = False
    if not is_one:
        raise ServerFailed("the reply is no completion")
    return Reply(content, _usage(completion.get("usage"), completion, request), _kept(headers))


def _has_results(content: bytes, count: int) -> bool:
    """Say whether a body has a moderation's results for so many texts."""
    if len(content) > MAX_BODY_BYTES:
        return False
    try:
        results = json.loads(content)["results"]
        return len(results) == count and all(
            isinstance(each["flagged"], bool) and isinstance(each["categories"], dict) for each in results
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower().startswith(_KEPT_HEADERS)}


def _usage(told: Any, completion: Mapping[str, Any], request: ModelRequest) -> Usage:
    """Return what the provider counted; our estimate, which is not too low, where it did not tell."""
    told = told if isinstance(told, dict) else {}
    details = told.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    asked, answered = _count(told.get("prompt_tokens")), _count(told.get("completion_tokens"))
    answer = completion["choices"][0]["message"].get("content")
    return Usage(
        request.input_tokens if asked is None else asked,
        _count(cached) or 0,
        estimate_tokens(answer if isinstance(answer, str) else "") if answered is None else answered,
    )


def _count(told: Any) -> int | None:
    return told if isinstance(told, int) and not isinstance(told, bool) and told >= 0 else None
