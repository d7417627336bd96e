"""A gRPC server: where it listens, its certificate, and the key that it verifies tokens with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from common.settings.environment import Address, Environment

#: An HS256 key shorter than its hash can be guessed (RFC 7518, section 3.2).
MINIMUM_SECRET_BYTES: Final = 32
_KEY_VARIABLES: Final = ("AUTH_JWT_SECRET", "AUTH_JWT_PUBLIC_KEY_FILE")


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """The files of a server's certificate; they are read again when they change."""

    certificate_file: Path
    key_file: Path
    #: With it, every client must show a certificate of this authority (mTLS).
    client_ca_file: Path | None = None

    @classmethod
    def read(cls, environment: Environment) -> TlsSettings | None:
        """Read TLS_CERT_FILE, TLS_KEY_FILE and TLS_CLIENT_CA_FILE; None means plain text."""
        certificate, key = environment.file("TLS_CERT_FILE"), environment.file("TLS_KEY_FILE")
        client_ca = environment.file("TLS_CLIENT_CA_FILE")
        if certificate is not None and key is not None:
            return cls(certificate, key, client_ca)
        if certificate is not None:
            environment.reject("TLS_KEY_FILE", "name a file when TLS_CERT_FILE does")
        elif key is not None or client_ca is not None:
            environment.reject("TLS_CERT_FILE", "name a file when TLS_KEY_FILE or TLS_CLIENT_CA_FILE does")
        return None


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """The key that tokens are verified with. Neither key: the server is open to everyone who reaches it."""

    secret: str | None = field(default=None, repr=False)
    #: PEM, RSA or elliptic curve.
    public_key: str | None = field(default=None, repr=False)

    @property
    def is_open(self) -> bool:
        return self.secret is None and self.public_key is None

    @classmethod
    def read(cls, environment: Environment, listens_on: Address, address_variable: str) -> Self:
        """Read AUTH_JWT_SECRET or AUTH_JWT_PUBLIC_KEY_FILE, and AUTH_DISABLED.

        An open server that other machines can reach is refused, unless AUTH_DISABLED says that it is meant.
        """
        secret = environment.secret("AUTH_JWT_SECRET", minimum_bytes=MINIMUM_SECRET_BYTES)
        key_file = environment.file("AUTH_JWT_PUBLIC_KEY_FILE")
        disabled = environment.flag("AUTH_DISABLED")
        keys = [name for name in _KEY_VARIABLES if environment.has(name)]
        if len(keys) > 1:
            environment.reject(
                "AUTH_JWT_PUBLIC_KEY_FILE", "not be set together with AUTH_JWT_SECRET: keep one"
            )
        if disabled and keys:
            environment.reject("AUTH_DISABLED", f"not be true while {keys[0]} is set: remove one of them")
        if not keys and not disabled and not listens_on.is_loopback:
            environment.reject(
                address_variable,
                "name an address of this machine alone, such as 127.0.0.1, as everyone who reaches an open "
                "server may do everything: set AUTH_JWT_SECRET or AUTH_JWT_PUBLIC_KEY_FILE, or "
                "AUTH_DISABLED=true if something else keeps strangers out",
            )
        return cls(secret, _public_key(environment, key_file))


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """One gRPC server: where it listens, and who may talk to it."""

    address: Address
    auth: AuthSettings = AuthSettings()
    tls: TlsSettings | None = None

    @classmethod
    def read(cls, environment: Environment, variable: str, default: str) -> Self:
        """Read the address from `variable`, and the TLS_ and AUTH_ variables."""
        address = environment.address(variable, default)
        if address is None:
            raise ValueError(f"the default of {variable} is no address: {default!r}")
        auth = AuthSettings.read(environment, address, variable)
        return cls(address, auth, TlsSettings.read(environment))


def _public_key(environment: Environment, path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        key = path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        key = ""
    if "-----BEGIN PUBLIC KEY-----" in key:
        return key
    environment.reject("AUTH_JWT_PUBLIC_KEY_FILE", 'name a PEM file with "BEGIN PUBLIC KEY"')
    return None
