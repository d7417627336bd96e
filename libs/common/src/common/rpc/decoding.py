"""Reading requests: bytes that are no message of the method are refused as any other wrong request is.

Left to itself gRPC ends such a call with UNKNOWN and the text of the exception, before any servicer is asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Final

from google.protobuf.message import DecodeError

from common.errors import RequestUnreadable
from common.rpc.handlers import Handler, parts_of

#: Stands for a request that cannot be read, from the deserializer, which may not raise, to `readable`.
_UNREADABLE: Final = object()


def decoding(handler: Handler) -> Handler:
    """Return a handler whose requests `readable` or `readable_stream` must judge before they are used."""
    deserializer = handler.request_deserializer
    if deserializer is None:
        return handler

    def read(data: bytes) -> Any:
        try:
            return deserializer(data)
        except DecodeError:
            return _UNREADABLE

    make, behaviour = parts_of(handler)
    return make(behaviour, read, handler.response_serializer)


def readable(request: Any) -> Any:
    """Return a request.

    Raises:
        RequestUnreadable: Its bytes were no message of the method.
    """
    if request is _UNREADABLE:
        raise RequestUnreadable
    return request


async def readable_stream(requests: AsyncIterable[Any]) -> AsyncIterator[Any]:
    """Pass requests on; raises as `readable`."""
    async for request in requests:
        yield readable(request)
