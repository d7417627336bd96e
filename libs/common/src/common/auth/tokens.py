"""Reading a caller out of a JSON Web Token (RFC 7519).

The algorithms are fixed by the key that is configured, never chosen by the token; a token says when it
expires, for whom it was made and whose jobs it opens, or it is refused.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any, Final

import jwt

from common.auth.caller import ALL_TENANTS, TENANT, Caller, Role
from common.errors import Unauthenticated
from common.settings import AuthSettings

#: The audience that a token must name.
AUDIENCE: Final = "bothsides-jobs"
#: How far the clocks of the issuer and of this machine may differ (s).
LEEWAY_S: Final = 10
#: Tokens that were verified and need not be again before they expire; of more the oldest are forgotten.
KNOWN_TOKENS: Final = 1_024
_REQUIRED: Final = ("exp", "aud", "sub", "tenant")
_SUBJECT_LENGTH: Final = 200
_ROLES: Final = frozenset(role.value for role in Role)


class TokenReader:
    """Verifies tokens with one key: HS256 with a shared secret, RS256 or ES256 with a public key.

    A caller sends the same token with each call. What it says is verified once, which takes 60 µs or more; of
    all that was verified its expiry alone can change with time.
    """

    def __init__(self, settings: AuthSettings) -> None:
        """Take the key from the settings.

        Raises:
            ValueError: There is no key: an open server has no tokens to read.
        """
        if settings.secret is not None:
            self._key, self._algorithms = settings.secret, ["HS256"]
        elif settings.public_key is not None:
            self._key, self._algorithms = settings.public_key, ["RS256", "ES256"]
        else:
            raise ValueError("a token reader needs a key")
        #: By token: its caller, and when it expires (Unix s).
        self._known: OrderedDict[str, tuple[Caller, int]] = OrderedDict()

    def read(self, token: str) -> Caller:
        """Return whom a token speaks for.

        Roles that are not known here are passed over, so that an issuer may be ahead of this version.

        Raises:
            Unauthenticated: The token is malformed, forged, expired, meant for others, or lacks a claim.
        """
        known = self._known.get(token)
        if known is not None and known[1] > time.time() - LEEWAY_S:
            return known[0]
        claims = self._verified(token)
        caller = _caller(claims)
        self._known[token] = caller, int(claims["exp"])
        if len(self._known) > KNOWN_TOKENS:
            self._known.popitem(last=False)
        return caller

    def _verified(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that is good now."""
        try:
            return jwt.decode(
                token,
                self._key,
                algorithms=self._algorithms,
                audience=AUDIENCE,
                leeway=LEEWAY_S,
                options={"require": list(_REQUIRED)},
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("the token has expired: ask for a new one") from error
        except jwt.InvalidAudienceError as error:
            raise Unauthenticated(f"the token is not for the audience {AUDIENCE!r}") from error
        except jwt.MissingRequiredClaimError as error:
            raise Unauthenticated(f"the token lacks the claim {error.claim!r}") from error
        except jwt.PyJWTError as error:
            raise Unauthenticated("the token cannot be verified: check its key and algorithm") from error


def _caller(claims: dict[str, Any]) -> Caller:
    subject, tenant, roles = claims["sub"], claims["tenant"], claims.get("roles", [])
    if not isinstance(subject, str) or not 1 <= len(subject) <= _SUBJECT_LENGTH:
        raise Unauthenticated(f"the token's claim 'sub' must have 1 to {_SUBJECT_LENGTH} characters")
    if not isinstance(tenant, str) or TENANT.fullmatch(tenant) is None:
        raise Unauthenticated(
            'the token\'s claim \'tenant\' must be 1 to 63 letters, digits, ".", "_" or "-"'
        )
    if not isinstance(roles, list):
        raise Unauthenticated("the token's claim 'roles' must be a list of names")
    others = claims.get("tenants", [])
    if not isinstance(others, list) or not all(map(_is_tenant, others)):
        raise Unauthenticated("the token's claim 'tenants' must be a list of tenants, or [\"*\"] for all")
    known = frozenset(Role(role) for role in roles if isinstance(role, str) and role in _ROLES)
    return Caller(subject, tenant, known, frozenset(others))


def _is_tenant(name: Any) -> bool:
    return isinstance(name, str) and (name == ALL_TENANTS or TENANT.fullmatch(name) is not None)
