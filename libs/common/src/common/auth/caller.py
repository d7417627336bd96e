"""The caller of the running call: who it is, whose jobs it sees, and its roles."""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

from common.errors import PermissionDenied, TenantNotGranted


class Role(StrEnum):
    """What a token may grant. ADMIN includes OPERATOR, which includes SUBMITTER, which includes VIEWER."""

    #: Sees jobs, queues and health, but nothing private.
    VIEWER = "viewer"
    #: Puts conversations; creates, cancels and retries jobs.
    SUBMITTER = "submitter"
    #: Runs the queues.
    OPERATOR = "operator"
    #: Sees transcripts, arguments and results. Included in no other role, and includes none.
    PAYLOAD_READER = "payload_reader"
    #: Changes policies.
    ADMIN = "admin"


_LADDER: Final = (Role.VIEWER, Role.SUBMITTER, Role.OPERATOR, Role.ADMIN)
#: A role to all that are, or include, it.
_INCLUDING: Final = {
    role: frozenset(_LADDER[_LADDER.index(role) :] if role in _LADDER else (role,)) for role in Role
}


#: What a tenant may be called.
TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
#: Among the tenants that a caller may act for: all of them.
ALL_TENANTS: Final = "*"


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone whose credentials were accepted."""

    subject: str
    #: Jobs and conversations of other tenants do not exist for this caller.
    tenant: str
    roles: frozenset[Role]
    #: Others that it may act for, with the same roles.
    other_tenants: frozenset[str] = frozenset()

    def may(self, role: Role) -> bool:
        """Whether one of the caller's roles is, or includes, `role`."""
        return not self.roles.isdisjoint(_INCLUDING[role])

    def require(self, role: Role) -> None:
        """Raise PermissionDenied unless the caller may."""
        if not self.may(role):
            raise PermissionDenied(role.value)

    def acting_for(self, tenant: str) -> Self:
        """Return this caller as one of `tenant`.

        Raises:
            TenantNotGranted: It may not act for that one, or there can be none of this name.
        """
        if tenant == self.tenant:
            return self
        if self.other_tenants.isdisjoint((tenant, ALL_TENANTS)) or TENANT.fullmatch(tenant) is None:
            raise TenantNotGranted
        return replace(self, tenant=tenant)


#: The caller of a server without keys.
ANYONE: Final = Caller("anonymous", "default", frozenset(Role), frozenset({ALL_TENANTS}))

_current: ContextVar[Caller] = ContextVar("caller")


def current_caller() -> Caller:
    """Return the caller of the running call.

    Raises:
        LookupError: The code does not run within an authenticated call. There is no default: to forget the
            check must not grant anything.
    """
    return _current.get()


def set_current_caller(caller: Caller) -> None:
    """Make `caller` the caller of the running task, for the rest of its life."""
    _current.set(caller)
