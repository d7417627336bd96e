"""The door of a server: who calls, and may they call this method?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from common.auth.caller import ANYONE, Caller, Role, set_current_caller
from common.auth.methods import METHOD_ROLES
from common.auth.tokens import TokenReader
from common.errors import Unauthenticated
from common.settings import AuthSettings

#: Metadata by which a caller names another tenant than its own, one that its token lists.
ACTS_FOR: Final = "bothsides-tenant"


class Door:
    """Knows the caller of a call before its request is read.

    Args:
        settings: Without a key everyone may do everything.
        method_roles: Full method name to role; None needs no credentials. Other methods are not served.
    """

    def __init__(
        self, settings: AuthSettings, method_roles: Mapping[str, Role | None] = METHOD_ROLES
    ) -> None:
        self._tokens = None if settings.is_open else TokenReader(settings)
        self._method_roles = method_roles

    def leads_to(self, method: str) -> bool:
        """Say whether a method may be served at all."""
        return method in self._method_roles

    def admit(self, method: str, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """Make the caller that the metadata names the current one; of an open method there is none.

        Raises:
            Unauthenticated, PermissionDenied: They may not call the method.
            TenantNotGranted: They may not act for the tenant that they name.
        """
        role = self._method_roles[method]
        if role is None:
            return
        metadata = tuple(metadata)
        caller = self._caller(metadata)
        for key, value in metadata:
            if key == ACTS_FOR:
                caller = caller.acting_for(str(value))
        caller.require(role)
        set_current_caller(caller)

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
