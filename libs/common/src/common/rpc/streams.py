"""Sending a stream's messages in the task of its call, so that a caller who leaves ends it cleanly.

Left to itself gRPC drops the generator of a call whose caller has gone: it is closed later, in another task,
where a trace cannot be taken off any more, and the departure is logged as an error.
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio

from common.rpc.handlers import Context, Continue, Handler, parts_of


class StreamInterceptor(grpc.aio.ServerInterceptor):
    """Lets streaming calls send as `sending` says, around interceptors of others; the outermost of all."""

    async def intercept_service(
        self, continuation: Continue, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        return None if handler is None else sending(handler)


def sending(handler: Handler) -> Handler:
    """Return a handler that runs a stream's generator to its end, whatever ends it."""
    make, behaviour = parts_of(handler)
    if not handler.response_streaming or inspect.iscoroutinefunction(behaviour):
        return handler  # it has one message, or sends its messages itself
    return make(_sending(behaviour), handler.request_deserializer, handler.response_serializer)


def _sending(behaviour: Any) -> Any:
    async def call(request: Any, context: Context) -> None:
        async with aclosing(behaviour(request, context)) as responses:
            async for response in responses:
                try:
                    await context.write(response)
                except grpc.aio.BaseError as error:
                    raise asyncio.CancelledError("the caller has gone") from error

    return call
