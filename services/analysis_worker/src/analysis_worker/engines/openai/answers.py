"""Reads a completion, of now or of the ledger, as the values that were asked for."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from common.provider.errors import ContentRefused, InvalidOutput, OutputTruncated, Refused

T = TypeVar("T", bound=BaseModel)


def read_answer(body: bytes, schema: type[T]) -> T:
    """Return what the model answered. Nothing of its text stands in an error.

    Raises:
        Refused: It said that it will not.
        ContentRefused: The provider's filter ended it.
        OutputTruncated: It reached its most tokens.
        InvalidOutput: It is not of the schema.
    """
    choice: dict[str, Any] = json.loads(body)["choices"][0]
    message: dict[str, Any] = choice["message"]
    if message.get("refusal"):
        raise Refused
    match choice.get("finish_reason"):
        case "length":
            raise OutputTruncated
        case "content_filter":
            raise ContentRefused("the answer was filtered")
    content = message.get("content")
    if not isinstance(content, str):
        raise InvalidOutput("the answer has no text")
    try:
        return schema.model_validate_json(content, strict=True)
    except ValidationError as error:
        places = sorted({".".join(map(str, found["loc"])) or "answer" for found in error.errors()})
        named = ", ".join(place for place in places[:5] if place.replace(".", "").replace("_", "").isalnum())
        raise InvalidOutput(f"{error.error_count()} fields are wrong: {named[:200]}") from None
