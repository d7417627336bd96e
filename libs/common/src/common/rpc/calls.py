"""What stands around every call but its trace, in the one handler that a server serves all of its methods by.

From the outside in: the sending of a stream, errors, whether the request can be read, the rules of the
contract. Before all of these, and before the request is read: who calls, and may they?

gRPC's server on an event loop keeps a task for each method that is *registered* with it, and goes through
all of these tasks at each call: a sixth of a CreateJob. One generic handler has one task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from common.auth.door import Door
from common.errors import JobsError
from common.rpc.decoding import decoding, readable, readable_stream
from common.rpc.encoding import encoding
from common.rpc.ending import ending, refusal
from common.rpc.handlers import Handler, wrapped
from common.rpc.streams import sending
from common.rpc.validation import validate


class Calls(grpc.GenericRpcHandler):
    """The methods of a server. For generated code it stands for the server that methods are added to.

    Args:
        door: Who may call which method.
        self_checked: Full names of methods that look at the rules of the contract themselves.
        sends: Whether it sends the messages of streams itself; not with an interceptor outside of it.
    """

    def __init__(self, door: Door, self_checked: Set[str] = frozenset(), *, sends: bool) -> None:
        self._door = door
        self._self_checked = self_checked
        self._sends = sends
        #: By full name.
        self._handlers: dict[str, Handler] = {}

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Leave handlers aside that serve what is registered as well, as those of generated code do."""

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, Handler]
    ) -> None:
        """Serve the methods of a service, as far as the door leads to them."""
        for name, handler in method_handlers.items():
            method = f"/{service_name}/{name}"
            if self._door.leads_to(method):
                self._handlers[method] = self._around(handler, method)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Return what serves a call; gRPC asks in the task that the call will run in."""
        method = handler_call_details.method
        handler = self._handlers.get(method)
        if handler is None:
            return None
        try:
            # It makes the task the caller's.
            self._door.admit(method, handler_call_details.invocation_metadata)
        except JobsError as error:
            return self._outermost(refusal(error))
        return handler

    def _around(self, handler: Handler, method: str) -> Handler:
        # Streams of requests come only from gRPC's own services, which have no rules.
        looked_at = readable if method in self._self_checked else _checked
        before = readable_stream if handler.request_streaming else looked_at
        return self._outermost(wrapped(decoding(encoding(handler)), before, ending(method)))

    def _outermost(self, handler: Handler) -> Handler:
        return sending(handler) if self._sends else handler


def _checked(request: Any) -> Any:
    message: Message = readable(request)
    validate(message)
    return message
