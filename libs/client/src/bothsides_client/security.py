"""How a client shows who it is, and knows who answers: TLS and bearer tokens.

Files are read, never written; a key or a token is in no error and in no log.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

from bothsides_client.errors import BadSetting

#: What goes with each call.
Metadata = tuple[tuple[str, str], ...]

_HEADER: Final = "authorization"
_ACTS_FOR: Final = "bothsides-tenant"


@dataclass(frozen=True, slots=True)
class Tls:
    """Speak TLS; with a certificate of one's own, mutual TLS. All files are PEM.

    They are read when a client is made; a client that outlives its certificate is to be made anew.
    """

    #: Certificates to trust; None for those of the system.
    ca_file: Path | None = None
    #: The client's own certificate with its chain, and its key; both or neither.
    certificate_file: Path | None = None
    key_file: Path | None = None
    #: Name that the servers' certificates carry, if it is not the address's: for several addresses, say.
    server_name: str | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files.

        Raises:
            BadSetting: A file cannot be read, or one of a pair is missing.
        """
        if (self.certificate_file is None) != (self.key_file is None):
            raise BadSetting("a client's certificate and its key go together: give both files, or neither")
        return grpc.ssl_channel_credentials(
            root_certificates=_content(self.ca_file, "CA"),
            private_key=_content(self.key_file, "key"),
            certificate_chain=_content(self.certificate_file, "certificate"),
        )


class Token:
    """A bearer token that does not change."""

    def __init__(self, token: str) -> None:
        self._metadata: Metadata = ((_HEADER, f"Bearer {_plain(token, 'the token')}"),)

    def metadata(self) -> Metadata:
        """Return what goes with the next call."""
        return self._metadata


class TokenFile:
    """A bearer token in a file, read again when the file changes, so that tokens can be short-lived.

    While the file is away or empty, as it may be for a moment when it is replaced, the last token stays in
    use. Safe between threads: whoever reads last wins, and all read the same file.

    Raises:
        BadSetting: There is no token in the file to begin with.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._fingerprint()
        self._token = Token(self._read())

    def metadata(self) -> Metadata:
        """Return what goes with the next call."""
        try:
            if (seen := self._fingerprint()) != self._seen:
                self._token = Token(self._read())
                self._seen = seen
        except BadSetting:
            pass
        return self._token.metadata()

    def _read(self) -> str:
        try:
            text = self._path.read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            raise BadSetting(f"the token's file {self._path} cannot be read: {_reason(error)}") from error
        if not text:
            raise BadSetting(f"the token's file {self._path} is empty")
        return text

    def _fingerprint(self) -> tuple[int, int, int]:
        try:
            fact = self._path.stat()
        except OSError as error:
            raise BadSetting(f"the token's file {self._path} cannot be read: {_reason(error)}") from error
        return fact.st_mtime_ns, fact.st_ino, fact.st_size


class NoToken:
    """For services that ask for no credentials, or know their callers by certificate."""

    def metadata(self) -> Metadata:
        """Return nothing."""
        return ()


def acting_for(tenant: str | None) -> Metadata:
    """Return what names the tenant that calls are about; nothing for the token's own."""
    return ((_ACTS_FOR, _plain(tenant, "the tenant")),) if tenant else ()


def _plain(token: str, what: str) -> str:
    """Return the token if it can travel in a header."""
    if not token.isascii() or not token.isprintable():
        raise BadSetting(f"{what} has characters that no header may have")
    return token


def _content(path: Path | None, what: str) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadSetting(f"the {what} file {path} cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is no UTF-8 text"
