"""One request to a model, byte for byte: what is hashed, reserved, sent and repeated is the same thing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from openai.lib._pydantic import to_strict_json_schema
from pydantic import BaseModel

from analysis_worker.domain.unshown import Unshown
from analysis_worker.engines.openai.estimates import canonical, estimated
from common.provider.models import ModelCard

#: What a chat message costs beside its text, and what the answer's frame costs (tokens), rounded up.
_FRAME_TOKENS: Final = 8
#: How a message without content begins.
_EMPTY: Final = '{"content":"",'


@dataclass(frozen=True, slots=True, repr=False)
class Message(Unshown):
    """One message; `role` is "system", "user" or "assistant"."""

    role: str
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class ModelRequest(Unshown):
    """A request as it will stand on the wire."""

    body: Mapping[str, Any] = field(repr=False)
    #: The body as canonical JSON, which is sent: equal requests have equal text.
    text: str = field(init=False, repr=False)
    #: The same without the messages' contents, and these, as they stand in it.
    _parts: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        messages = self.body["messages"]
        frame = canonical({**self.body, "messages": [{**message, "content": ""} for message in messages]})
        contents = [canonical(message["content"]) for message in messages]
        object.__setattr__(self, "text", _filled(frame, contents) or canonical(self.body))
        object.__setattr__(self, "_parts", (frame, *contents))

    @property
    def model(self) -> str:
        model: str = self.body["model"]
        return model

    @property
    def output_tokens(self) -> int:
        """The most that may come back."""
        most: int = self.body["max_completion_tokens"]
        return most

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def input_tokens(self) -> int:
        """An estimate that is not below the provider's count; the schema counts as input.

        Made of parts, as several requests about one window have parts in common: cut at quotes, they are no
        fewer tokens than the whole.
        """
        return sum(map(estimated, self._parts)) + _FRAME_TOKENS * len(self.body["messages"])


def _filled(frame: str, contents: Sequence[str]) -> str:
    """Return canonical JSON with contents put into it; "" if it does not show where they belong."""
    pieces = frame.split(_EMPTY)
    if len(pieces) != len(contents) + 1:
        return ""
    filled = (f'{{"content":{content},{piece}' for content, piece in zip(contents, pieces[1:], strict=True))
    return "".join((pieces[0], *filled))


@cache
def _strict(schema: type[BaseModel]) -> dict[str, Any]:
    return to_strict_json_schema(schema)


def request_of(
    card: ModelCard,
    messages: Sequence[Message],
    schema: type[BaseModel],
    *,
    output_tokens: int,
    cache_key: str = "",
) -> ModelRequest:
    """Return the request for an answer of a schema, as deterministic as the model's card allows.

    Args:
        cache_key: The same for all requests with the same beginning, so that the provider's cache finds it.
    """
    body: dict[str, Any] = {
        "model": card.name,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": schema.__name__,
                "strict": True,
                "schema": _strict(schema),
            },
        },
        "max_completion_tokens": min(output_tokens, card.max_output_tokens),
    }
    if "reasoning_effort" in card.parameters:
        body["reasoning_effort"] = "none"
    if "temperature" in card.parameters:
        body["temperature"] = 0
    if "seed" in card.parameters:
        body["seed"] = 1
    if cache_key and "prompt_cache_key" in card.parameters:
        body["prompt_cache_key"] = cache_key
    return ModelRequest(body)
