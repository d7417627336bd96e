"""A server's certificate from files, read again when they change, so that renewing it needs no restart."""

from __future__ import annotations

import logging

import grpc

from common.settings import TlsSettings

_log = logging.getLogger(__name__)


def server_credentials(tls: TlsSettings) -> grpc.ServerCredentials:
    """Return credentials that follow the files; with a client CA every client must show a certificate.

    Raises:
        OSError: A file cannot be read. After the start, the last good certificate stays in use instead.
    """
    certificate = _CertificateFiles(tls)
    return grpc.dynamic_ssl_server_credentials(
        certificate.read(),
        certificate.read_if_changed,  # type: ignore[arg-type]  # the stubs forget None, "no change"
        require_client_authentication=tls.client_ca_file is not None,
    )


class _CertificateFiles:
    """The files and when they were last seen to change. gRPC asks at each handshake, on its own threads."""

    def __init__(self, tls: TlsSettings) -> None:
        self._tls = tls
        self._seen = self._fingerprint()

    def read(self) -> grpc.ServerCertificateConfiguration:
        ca_file = self._tls.client_ca_file
        return grpc.ssl_server_certificate_configuration(
            [(self._tls.key_file.read_bytes(), self._tls.certificate_file.read_bytes())],
            ca_file.read_bytes() if ca_file is not None else None,
        )

    def read_if_changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the new certificate, or None to go on with the last one."""
        try:
            fingerprint = self._fingerprint()
            if fingerprint == self._seen:
                return None
            certificate = self.read()
        except OSError as error:
            _log.error("the TLS files cannot be read, the last certificate stays in use: %s", error.strerror)
            return None
        self._seen = fingerprint
        _log.info("the TLS certificate was read again")
        return certificate

    def _fingerprint(self) -> tuple[tuple[int, int], ...]:
        files = (self._tls.certificate_file, self._tls.key_file, self._tls.client_ca_file)
        facts = [path.stat() for path in files if path is not None]
        return tuple((fact.st_mtime_ns, fact.st_ino) for fact in facts)
