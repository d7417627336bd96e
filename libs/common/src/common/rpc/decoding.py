"""Reading requests: bytes that are no message of the method are refused as any other wrong request is.

Left to itself gRPC ends such a call with UNKNOWN and the text of the exception, before any servicer is asked.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from common.errors import RequestUnreadable
from common.rpc.guard import Context, parts_of

#: Stands for a request that cannot be read, from the deserializer, which may not raise, to the behaviour.
_UNREADABLE: Final = object()


def decoding(handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
    """Return a handler that does what `handler` does, but raises RequestUnreadable for other bytes."""
    deserializer = handler.request_deserializer
    if deserializer is None:
        return handler

    def read(data: bytes) -> Any:
        try:
            return deserializer(data)
        except DecodeError:
            return _UNREADABLE

    make, behaviour = parts_of(handler)
    check = _readable_stream if handler.request_streaming else _readable
    wrap = _calling if inspect.iscoroutinefunction(behaviour) else _streaming
    return make(wrap(behaviour, check), read, handler.response_serializer)


def _calling(behaviour: Any, check: Any) -> Any:
    async def call(request: Any, context: Context) -> Any:
        return await behaviour(check(request), context)

    return call


def _streaming(behaviour: Any, check: Any) -> Any:
    async def call(request: Any, context: Context) -> AsyncIterator[Any]:
        async with aclosing(behaviour(check(request), context)) as responses:
            async for response in responses:
                yield response

    return call


def _readable(request: Any) -> Any:
    if request is _UNREADABLE:
        raise RequestUnreadable
    return request


async def _readable_stream(requests: AsyncIterable[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield _readable(request)
