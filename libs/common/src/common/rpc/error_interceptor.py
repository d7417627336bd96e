"""The one place in which an exception becomes the end of a call. Servicers only raise."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn
from uuid import uuid4

import grpc
import grpc.aio
import redis.exceptions
from google.rpc import status_pb2

from common.errors import JobsError
from common.rpc.decoding import decoding
from common.rpc.guard import Context, Continue, Guard, guarded
from common.rpc.status import DETAILS_KEY, code_of, internal_status, status_of
from common.store.operation import translated
from common.telemetry.context import current_trace_id

_log = logging.getLogger(__name__)


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Ends a call that raised with a google.rpc.Status; the outermost one but for the trace.

    What was not foreseen becomes INTERNAL with an id; its traceback is logged under the same id. A call that
    is cancelled, or that was ended by `context.abort`, is left alone. An interceptor inside this one refuses
    a call, before its request is read, by raising a JobsError.
    """

    def __init__(self) -> None:
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    async def intercept_service(
        self, continuation: Continue, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        try:
            handler = await continuation(handler_call_details)
        except JobsError as error:
            return _refusal(error)
        if handler is None:
            return None
        method = handler_call_details.method
        if method not in self._handlers:
            self._handlers[method] = guarded(decoding(handler), _guard(method))
        return self._handlers[method]


def _guard(method: str) -> Guard:
    @asynccontextmanager
    async def guard(_: Any, context: Context) -> AsyncIterator[None]:
        try:
            yield
        except grpc.aio.AbortError:
            raise
        except JobsError as error:
            await abort(context, code_of(error), status_of(error))
        except redis.exceptions.RedisError as error:
            unavailable = translated(error)
            await abort(context, code_of(unavailable), status_of(unavailable))
        except Exception as error:
            if isinstance(error, NotImplementedError) and context.code() is grpc.StatusCode.UNIMPLEMENTED:
                # What the generated servicer says of a method that nobody wrote.
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server does not serve the method")
            request_id = current_trace_id() or uuid4().hex
            _log.exception("%s failed unforeseen; request id %s", method, request_id)
            await abort(context, grpc.StatusCode.INTERNAL, internal_status(request_id))

    return guard


def _refusal(error: JobsError) -> grpc.RpcMethodHandler[Any, Any]:
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
