"""Putting something around a whole call, whichever of gRPC's four kinds it is.

gRPC's interceptors see a call before its handler is chosen, not while it runs; a handler that wraps another
is there from the call's start until its last message is sent.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn, TypeAlias

import grpc
import grpc.aio

# Quoted, because these classes are generic only for the type checker.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
#: What an interceptor calls to go on; None if nobody serves the method.
Continue: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]"
#: From the call's request (an iterator, if the client streams) to what the behaviour gets. May raise.
Before: TypeAlias = Callable[[Any], Any]
#: Ends a call that raised.
Failed: TypeAlias = "Callable[[Exception, Context], Awaitable[NoReturn]]"


def wrapped(handler: Handler, before: Before, failed: Failed) -> Handler:
    """Return a handler that does what `handler` does, after `before`; what was raised goes to `failed`."""
    make, behaviour = parts_of(handler)
    # A stream's behaviour that is awaited writes its responses to the context and returns nothing.
    iterated = handler.response_streaming and not inspect.iscoroutinefunction(behaviour)
    wrap = _iterated if iterated else _awaited
    return make(wrap(behaviour, before, failed), handler.request_deserializer, handler.response_serializer)


def parts_of(handler: Handler) -> tuple[Callable[..., Handler], Any]:
    """Return what makes a handler of the same kind, and the behaviour of this one."""
    match (bool(handler.request_streaming), bool(handler.response_streaming)):
        case (False, False):
            return grpc.unary_unary_rpc_method_handler, handler.unary_unary
        case (True, False):
            return grpc.stream_unary_rpc_method_handler, handler.stream_unary
        case (False, True):
            return grpc.unary_stream_rpc_method_handler, handler.unary_stream
        case _:
            return grpc.stream_stream_rpc_method_handler, handler.stream_stream


def _awaited(behaviour: Any, before: Before, failed: Failed) -> Any:
    async def call(request: Any, context: Context) -> Any:
        try:
            return await behaviour(before(request), context)
        except Exception as error:
            await failed(error, context)

    return call


def _iterated(behaviour: Any, before: Before, failed: Failed) -> Any:
    async def call(request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            async with aclosing(behaviour(before(request), context)) as responses:
                async for response in responses:
                    yield response
        except Exception as error:
            await failed(error, context)

    return call
