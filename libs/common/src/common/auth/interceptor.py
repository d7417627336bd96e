"""The door of a server: who calls, and may they call this method?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import grpc
import grpc.aio

from common.auth.caller import ANYONE, Caller, Role, set_current_caller
from common.auth.methods import METHOD_ROLES
from common.auth.tokens import TokenReader
from common.errors import Unauthenticated
from common.rpc.guard import Continue
from common.settings import AuthSettings


class AuthInterceptor(grpc.aio.ServerInterceptor):
    """Knows the caller before a request is read, and raises unless it has the method's role.

    What it raises becomes a status in ErrorInterceptor, which must be outside of it.

    Args:
        settings: Without a key everyone may do everything.
        method_roles: Full method name to role; None needs no credentials. Other methods are not served.
    """

    def __init__(
        self, settings: AuthSettings, method_roles: Mapping[str, Role | None] = METHOD_ROLES
    ) -> None:
        self._tokens = None if settings.is_open else TokenReader(settings)
        self._method_roles = method_roles

    async def intercept_service(
        self, continuation: Continue, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        method = handler_call_details.method
        if method not in self._method_roles:
            return None
        handler = await continuation(handler_call_details)
        role = self._method_roles[method]
        if handler is None or role is None:
            return handler
        caller = self._caller(handler_call_details.invocation_metadata)
        caller.require(role)
        # gRPC runs interceptors and servicer of a call in one task, with which this ends.
        set_current_caller(caller)
        return handler

    def _caller(self, metadata: Iterable[tuple[str, str | bytes]]) -> Caller:
        if self._tokens is None:
            return ANYONE
        credentials = [value for key, value in metadata if key == "authorization"]
        if len(credentials) != 1 or not isinstance(credentials[0], str):
            raise Unauthenticated('send one metadata entry "authorization" with the value "Bearer TOKEN"')
        scheme, _, token = credentials[0].partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated('the metadata entry "authorization" must be "Bearer TOKEN"')
        return self._tokens.read(token.strip())
