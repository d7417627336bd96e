"""Whether text may leave the process at all: asked once for each call, before anything else is done for it.

The gate is the only way from a job to a provider, so what it does not let pass is sent by nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from analysis_worker.paid.port import OutboundForbidden
from common.settings.environment import Environment

_TENANTS: Final = "OUTBOUND_TEXT_FORBIDDEN_TENANTS"
_NAMES: Final = r"[A-Za-z0-9._-]{1,100}(?:\s*,\s*[A-Za-z0-9._-]{1,100})*"


@dataclass(frozen=True, slots=True)
class Door:
    """For whom it is shut. Open for all unless told otherwise."""

    #: Nobody's text leaves.
    shut: bool = False
    #: Theirs does not.
    shut_for: frozenset[str] = frozenset()

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read OUTBOUND_TEXT and OUTBOUND_TEXT_FORBIDDEN_TENANTS."""
        shut = environment.choice("OUTBOUND_TEXT", "ALLOW", ("ALLOW", "FORBID")) == "FORBID"
        tenants = environment.text(_TENANTS, pattern=_NAMES, must="be tenants separated by commas")
        return cls(shut, frozenset(tenants.replace(" ", "").split(",")) - {""})

    def check(self, tenant: str) -> None:
        """Let a tenant's text pass.

        Raises:
            OutboundForbidden: It may not.
        """
        if self.shut or tenant in self.shut_for:
            raise OutboundForbidden
