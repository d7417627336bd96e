"""The one place in which an exception becomes the end of a call. Servicers only raise."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any, NoReturn
from uuid import uuid4

import grpc
import grpc.aio
import redis.exceptions
from google.rpc import status_pb2

from common.errors import JobsError
from common.rpc.handlers import Context, Failed, Handler
from common.rpc.status import DETAILS_KEY, code_of, internal_status, status_of
from common.store.operation import translated
from common.telemetry.context import current_trace_id

_log = logging.getLogger(__name__)


def ending(method: str) -> Failed:
    """Return what ends a call of `method` that raised, with a google.rpc.Status.

    What was not foreseen becomes INTERNAL with an id; its traceback is logged under the same id. A call that
    is cancelled, or that was ended by `context.abort`, is left alone.
    """

    async def end(error: Exception, context: Context) -> NoReturn:
        match error:
            case grpc.aio.AbortError():
                raise error
            case JobsError():
                await abort(context, code_of(error), status_of(error))
            case redis.exceptions.RedisError():
                unavailable = translated(error)
                await abort(context, code_of(unavailable), status_of(unavailable))
            case NotImplementedError() if context.code() is grpc.StatusCode.UNIMPLEMENTED:
                # What the generated servicer says of a method that nobody wrote.
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server does not serve the method")
            case _:
                request_id = current_trace_id() or uuid4().hex
                _log.error("%s failed unforeseen; request id %s", method, request_id, exc_info=error)
                await abort(context, grpc.StatusCode.INTERNAL, internal_status(request_id))

    return end


def refusal(error: JobsError) -> Handler:
    """Return a handler, for a method of any kind, that fails without reading a request."""

    async def refuse(_: Any, context: Context) -> AsyncIterator[bytes]:
        await abort(context, code_of(error), status_of(error))
        yield b""  # never reached; makes this a generator, as the tracer expects of a streaming handler

    return grpc.stream_stream_rpc_method_handler(refuse)


async def abort(context: Context, code: grpc.StatusCode, status: status_pb2.Status) -> NoReturn:
    """End a call with a status and its details."""
    try:
        await context.abort(code, status.message, ((DETAILS_KEY, status.SerializeToString()),))
    except grpc.aio.AbortError as aborted:
        # A trace records the exception with all that it was raised from, and that may quote a payload.
        raise aborted from None
