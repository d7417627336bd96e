"""Roles, and the tokens that grant them."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from common.auth import Caller, Role, current_caller
from common.auth.tokens import AUDIENCE, KNOWN_TOKENS, LEEWAY_S, TokenReader
from common.errors import PermissionDenied, Unauthenticated
from common.settings import AuthSettings
from support.waiting import wait_until

SECRET = "the tests' own secret, which is long enough for HS256 and for HS512 as well"
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def caller_with(*roles: Role) -> Caller:
    return Caller("ana", "blue", frozenset(roles))


def claims(**changes: Any) -> dict[str, Any]:
    """Return good claims; a change to None leaves one out."""
    good = {
        "sub": "ana",
        "tenant": "blue",
        "aud": AUDIENCE,
        "exp": int(time.time()) + 60,
        "roles": ["submitter", "payload_reader"],
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def token(key: Any = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm)


def reader() -> TokenReader:
    return TokenReader(AuthSettings(secret=SECRET))


def public_pem(key: PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("role", "included"),
    [
        (Role.VIEWER, {Role.VIEWER}),
        (Role.SUBMITTER, {Role.VIEWER, Role.SUBMITTER}),
        (Role.OPERATOR, {Role.VIEWER, Role.SUBMITTER, Role.OPERATOR}),
        (Role.ADMIN, {Role.VIEWER, Role.SUBMITTER, Role.OPERATOR, Role.ADMIN}),
        (Role.PAYLOAD_READER, {Role.PAYLOAD_READER}),
    ],
)
def test_a_role_includes_those_below_it_and_no_administrator_reads_payloads(
    role: Role, included: set[Role]
) -> None:
    caller = caller_with(role)

    assert {other for other in Role if caller.may(other)} == included


def test_a_missing_role_is_denied_by_name() -> None:
    with pytest.raises(PermissionDenied, match="'operator'"):
        caller_with(Role.SUBMITTER).require(Role.OPERATOR)


def test_there_is_no_caller_outside_of_a_call() -> None:
    with pytest.raises(LookupError):
        current_caller()


def test_a_good_token_says_who_calls_for_which_tenant_with_which_roles() -> None:
    assert reader().read(token()) == caller_with(Role.SUBMITTER, Role.PAYLOAD_READER)


def test_a_token_is_verified_once() -> None:
    tokens, sent = reader(), token()
    assert tokens.read(sent) is tokens.read(sent)


def test_a_token_that_was_verified_is_refused_once_it_has_expired() -> None:
    tokens = reader()
    sent = token(exp=int(time.time()) - LEEWAY_S + 2)  # good for another second or two
    assert tokens.read(sent).subject == "ana"

    def is_refused() -> bool:
        try:
            tokens.read(sent)
        except Unauthenticated as error:
            return "expired" in str(error)
        return False

    wait_until(is_refused)


def test_a_reader_of_another_key_knows_nothing_of_what_was_verified() -> None:
    sent = token()
    reader().read(sent)
    with pytest.raises(Unauthenticated):
        TokenReader(AuthSettings(secret=SECRET + "!")).read(sent)


def test_of_very_many_tokens_those_seen_first_are_forgotten() -> None:
    tokens = reader()
    first = token()
    caller = tokens.read(first)
    for number in range(KNOWN_TOKENS):
        tokens.read(token(sub=f"someone-{number}"))

    assert tokens.read(first) == caller
    assert tokens.read(first) is not caller


def test_roles_that_are_not_known_grant_nothing_and_harm_nothing() -> None:
    assert reader().read(token(roles=["viewer", "astronaut", 7])) == caller_with(Role.VIEWER)
    assert reader().read(token(roles=None)) == caller_with()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"exp": int(time.time()) - 60}, "expired"),
        ({"exp": None}, "'exp'"),
        ({"aud": "another-service"}, "audience"),
        ({"aud": None}, "'aud'"),
        ({"sub": None}, "'sub'"),
        ({"sub": ""}, "'sub'"),
        ({"tenant": None}, "'tenant'"),
        ({"tenant": "a:b"}, "'tenant'"),
        ({"tenant": ["blue"]}, "'tenant'"),
        ({"roles": "admin"}, "'roles'"),
        ({"tenants": "*"}, "'tenants'"),
        ({"tenants": ["a:b"]}, "'tenants'"),
        ({"tenants": [7]}, "'tenants'"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused_with_the_claim(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Unauthenticated, match=says):
        reader().read(token(**changes))


@pytest.mark.parametrize(
    "forged", ["", "x", "a.b.c", token(SECRET + "!"), token(SECRET, "HS512"), token(None, "none")]
)
def test_a_token_that_was_not_made_with_the_key_and_its_algorithm_is_refused(forged: str) -> None:
    with pytest.raises(Unauthenticated, match="cannot be verified"):
        reader().read(forged)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA_KEY, "RS256"), (EC_KEY, "ES256")],
)
def test_a_public_key_verifies_what_its_private_key_signed(key: PrivateKey, algorithm: str) -> None:
    public = public_pem(key)
    tokens = TokenReader(AuthSettings(public_key=public))

    assert tokens.read(token(key, algorithm)).subject == "ana"
    with pytest.raises(Unauthenticated):
        tokens.read(token(SECRET))


def test_a_public_key_is_not_taken_for_a_shared_secret() -> None:
    """The classic confusion of algorithms: everyone knows the public key, so HS256 with it proves nothing."""
    public = public_pem(RSA_KEY)
    header, body, _ = token(SECRET).split(".")
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        f"{header}.{body}".encode(), public.encode()
    )
    forged = f"{header}.{body}.{jwt.utils.base64url_encode(signature).decode()}"

    with pytest.raises(Unauthenticated):
        TokenReader(AuthSettings(public_key=public)).read(forged)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
CLAIM = st.sampled_from(["sub", "tenant", "aud", "exp", "nbf", "iat", "iss", "jti", "roles"])


@given(st.dictionaries(CLAIM, JSON))
def test_any_claims_give_a_caller_or_are_refused(changes: dict[str, Any]) -> None:
    body = json.dumps({**claims(), **changes}).encode()
    signed = jwt.PyJWS().encode(body, SECRET, "HS256")

    with suppress(Unauthenticated):  # nothing else may be raised
        assert reader().read(signed).tenant


@given(st.text(), st.sampled_from(["RS256", "ES256", "HS256", "none", ""]), st.binary(max_size=70))
def test_any_text_and_any_algorithm_is_refused_by_a_public_key(
    body: str, algorithm: str, signature: bytes
) -> None:
    header = json.dumps({"alg": algorithm, "typ": "JWT"}).encode()
    parts = [
        jwt.utils.base64url_encode(part).decode()
        for part in (header, body.encode("utf-8", "replace"), signature)
    ]

    for key in (RSA_KEY, EC_KEY):
        for forged in (body, ".".join(parts)):
            with pytest.raises(Unauthenticated):
                TokenReader(AuthSettings(public_key=public_pem(key))).read(forged)


def test_a_reader_without_a_key_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        TokenReader(AuthSettings())
