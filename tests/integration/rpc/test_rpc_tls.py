"""TLS: who is let in, and that a renewed certificate needs no restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest
import trustme

from bothsides.jobs import v1 as pb
from common.rpc.server import Server, Service
from common.settings import AuthSettings, ServerSettings, TlsSettings
from support.rpc import ANYWHERE, JOB_SERVICE, ScriptedJobs, failure
from support.waiting import wait_until_async


class Certificates:
    """An authority and the files of a server's certificate."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self._folder = folder
        self.renew(self.authority)

    def renew(self, authority: trustme.CA) -> None:
        """Write a new certificate of `authority` in place of the old one."""
        certificate = authority.issue_cert("localhost")
        certificate.private_key_pem.write_to_path(self._folder / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(self._folder / "certificate.pem")

    def settings(self, client_authority: trustme.CA | None = None) -> TlsSettings:
        client_ca = None
        if client_authority is not None:
            client_ca = self._folder / "clients.pem"
            client_authority.cert_pem.write_to_path(client_ca)
        return TlsSettings(self._folder / "certificate.pem", self._folder / "key.pem", client_ca)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@asynccontextmanager
async def tls_server(tls: TlsSettings) -> AsyncIterator[int]:
    """Serve JobService with TLS; yields the port."""
    service = Service(JOB_SERVICE, pb.add_JobServiceServicer_to_server, ScriptedJobs())
    server = Server.build(ServerSettings(ANYWHERE, AuthSettings(), tls), [service])
    port = await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


async def answer(port: int, authority: trustme.CA, client: trustme.LeafCert | None = None) -> str:
    """Call over a new connection that trusts `authority`; return the job id, or the code of the failure."""
    credentials = grpc.ssl_channel_credentials(
        root_certificates=authority.cert_pem.bytes(),
        private_key=client.private_key_pem.bytes() if client is not None else None,
        certificate_chain=client.cert_chain_pems[0].bytes() if client is not None else None,
    )
    # Otherwise a second channel would share the first one's connection.
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(f"localhost:{port}", credentials, options=options) as channel:
        call = pb.JobServiceStub(channel).GetJob(pb.GetJobRequest(job_id="j"), timeout=20)
        try:
            return (await call).job_id
        except grpc.aio.AioRpcError as error:
            return error.code().name


async def test_a_client_that_trusts_the_authority_is_answered_and_a_plain_one_is_not(
    certificates: Certificates,
) -> None:
    async with tls_server(certificates.settings()) as port:
        assert await answer(port, certificates.authority) == "j"
        assert await answer(port, trustme.CA()) == "UNAVAILABLE"
        async with grpc.aio.insecure_channel(f"localhost:{port}") as plain:
            error = await failure(pb.JobServiceStub(plain).GetJob(pb.GetJobRequest(job_id="j")))
            assert error.code() is grpc.StatusCode.UNAVAILABLE


async def test_with_a_client_authority_only_its_clients_are_let_in(certificates: Certificates) -> None:
    clients = trustme.CA()
    async with tls_server(certificates.settings(clients)) as port:
        assert await answer(port, certificates.authority, clients.issue_cert("ana")) == "j"
        assert await answer(port, certificates.authority) == "UNAVAILABLE"
        assert await answer(port, certificates.authority, trustme.CA().issue_cert("eve")) == "UNAVAILABLE"


async def test_a_renewed_certificate_is_used_without_a_restart(certificates: Certificates) -> None:
    # Given a server that has answered with its first certificate
    renewed_by = trustme.CA()
    async with tls_server(certificates.settings()) as port:
        assert await answer(port, certificates.authority) == "j"
        assert await answer(port, renewed_by) == "UNAVAILABLE"

        # When the files are replaced
        certificates.renew(renewed_by)

        # Then new connections see the new certificate
        async def answered() -> bool:
            return await answer(port, renewed_by) == "j"

        await wait_until_async(answered)


async def test_files_that_vanish_leave_the_last_certificate_in_use(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    settings = certificates.settings()
    async with tls_server(settings) as port:
        settings.key_file.unlink()

        assert await answer(port, certificates.authority) == "j"
        assert "cannot be read" in caplog.text


async def test_a_server_without_its_files_does_not_start(certificates: Certificates) -> None:
    settings = certificates.settings()
    settings.certificate_file.unlink()

    with pytest.raises(FileNotFoundError):
        async with tls_server(settings):
            pass
