"""What stands around every call but its trace, in one interceptor: gRPC spends 30 to 50 µs on each it has.

From the outside in: the sending of a stream, errors, whether the request can be read, the rules of the
contract. Before all of these, and before the request is read: who calls, and may they?
"""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from common.auth.door import Door
from common.errors import JobsError
from common.rpc.decoding import decoding, readable, readable_stream
from common.rpc.ending import ending, refusal
from common.rpc.handlers import Continue, Handler, wrapped
from common.rpc.streams import sending
from common.rpc.validation import validate


class CallInterceptor(grpc.aio.ServerInterceptor):
    """The innermost interceptor of every server.

    Args:
        door: Who may call which method.
        sends: Whether it sends the messages of streams itself; not with an interceptor outside of it.
    """

    def __init__(self, door: Door, *, sends: bool) -> None:
        self._door = door
        self._sends = sends
        #: By method; a method's handler does not change.
        self._handlers: dict[str, Handler] = {}

    async def intercept_service(
        self, continuation: Continue, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        method = handler_call_details.method
        handler = self._handlers.get(method)
        if handler is None:
            if not self._door.leads_to(method):
                return None
            served = await continuation(handler_call_details)
            if served is None:
                return None
            handler = self._handlers[method] = self._around(served, method)
        try:
            # gRPC runs interceptors and servicer of a call in one task, which this makes the caller's.
            self._door.admit(method, handler_call_details.invocation_metadata)
        except JobsError as error:
            return self._outermost(refusal(error))
        return handler

    def _around(self, handler: Handler, method: str) -> Handler:
        # Streams of requests come only from gRPC's own services, which have no rules.
        before = readable_stream if handler.request_streaming else _checked
        return self._outermost(wrapped(decoding(handler), before, ending(method)))

    def _outermost(self, handler: Handler) -> Handler:
        return sending(handler) if self._sends else handler


def _checked(request: Any) -> Any:
    message: Message = readable(request)
    validate(message)
    return message
