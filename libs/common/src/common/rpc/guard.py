"""Putting a guard around a whole call, whichever of gRPC's four kinds it is.

gRPC's interceptors see a call before its handler is chosen, not while it runs; a guard is a context manager
that is entered when the call starts and left when its last message is sent. It may raise to refuse the call.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, TypeAlias

import grpc
import grpc.aio

# Quoted, because these classes are generic only for the type checker.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
#: From the call's request (an iterator, if the client streams) and its context.
Guard: TypeAlias = "Callable[[Any, Context], AbstractAsyncContextManager[None]]"
#: What an interceptor calls to go on; None if nobody serves the method.
Continue: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]"


def guarded(handler: grpc.RpcMethodHandler[Any, Any], guard: Guard) -> grpc.RpcMethodHandler[Any, Any]:
    """Return a handler that does what `handler` does, inside `guard`.

    A method's handler does not change, so that an interceptor need only do this once for each.
    """
    make, behaviour = parts_of(handler)
    wrap = _stream if handler.response_streaming else _single
    return make(wrap(behaviour, guard), handler.request_deserializer, handler.response_serializer)


def parts_of(
    handler: grpc.RpcMethodHandler[Any, Any],
) -> tuple[Callable[..., grpc.RpcMethodHandler[Any, Any]], Any]:
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


def _single(behaviour: Any, guard: Guard) -> Any:
    async def call(request: Any, context: Context) -> Any:
        async with guard(request, context):
            return await behaviour(request, context)

    return call


def _stream(behaviour: Any, guard: Guard) -> Any:
    if inspect.iscoroutinefunction(behaviour):
        return _single(behaviour, guard)  # it writes its responses to the context and returns nothing

    async def call(request: Any, context: Context) -> AsyncIterator[Any]:
        async with guard(request, context), aclosing(behaviour(request, context)) as responses:
            async for response in responses:
                yield response

    return call
