"""Writing responses: a servicer may return its message, or the bytes that it is spelled as."""

from __future__ import annotations

from typing import Any

from common.rpc.handlers import Handler, parts_of


def encoding(handler: Handler) -> Handler:
    """Return a handler whose responses may be bytes already."""
    serializer = handler.response_serializer
    if serializer is None:
        return handler

    def write(response: Any) -> bytes:
        return response if isinstance(response, bytes) else serializer(response)

    make, behaviour = parts_of(handler)
    return make(behaviour, handler.request_deserializer, write)
