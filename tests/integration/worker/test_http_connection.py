"""What stands between a request and its socket, against servers that say exactly what a test has them say."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import httpx2
import pytest
import trustme

from analysis_worker.engines.openai.connections import Connections
from analysis_worker.engines.openai.http_connection import MAX_BODY_BYTES
from bothsides_stack.ports import LOOPBACK, free_port
from common.provider.errors import ServerFailed

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


class Server:
    """Says its parts, one for each request, cut where a ~ stands; then it closes the connection."""

    def __init__(self, said: Sequence[bytes]) -> None:
        self._said = list(said)
        self.heard: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self._said:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.heard.append(head + await reader.readexactly(length))
                for piece in self._said[0].split(b"~"):
                    writer.write(piece)
                    await writer.drain()
                if b"connection: close" in self._said.pop(0):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(*said: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(said)
    running = await asyncio.start_server(server.serve, LOOPBACK, 0, ssl=tls)
    port = running.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://{LOOPBACK}:{port}/v1"
    try:
        yield server
    finally:
        running.close()


async def post(client: httpx2.AsyncClient, server: Server) -> httpx2.Response:
    return await client.post(server.url, content=b"question")


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=Connections(), timeout=5) as made:
        yield made


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (OK + b"content-length: 6\r\n\r\nanswer", b"answer"),
        (OK + b"Content-Length: 6\r\n~\r\nan~swer", b"answer"),
        (CHUNKED + b"3\r\nans\r\n~3;x=y\r\nwer\r\n0\r\nx-late: 1\r\n\r\n", b"answer"),
        (OK + b"connection: close\r\n\r\nanswer", b"answer"),
        (OK + b"content-length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n~" + OK + b"content-length: 6\r\n\r\nanswer", b"answer"),
        (b"HTTP/1.1 103 Hints\r\nlink: <x>\r\n\r\n" + OK + b"content-length: 6\r\n\r\nanswer", b"answer"),
    ],
    ids=["length", "in pieces", "chunks", "until the end", "nothing", "after a continue", "after a hint"],
)
async def test_an_answer_ends_as_the_protocol_says(
    client: httpx2.AsyncClient, said: bytes, body: bytes
) -> None:
    async with serving(said) as server:
        response = await post(client, server)
    assert (response.status_code, response.content) == (200, body)
    assert "link" not in response.headers
    assert "x-late" not in response.headers


async def test_a_request_goes_whole_with_its_headers(client: httpx2.AsyncClient) -> None:
    async with serving(OK + b"content-length: 0\r\n\r\n") as server:
        await client.post(server.url + "?a=b", content=b"question", headers={"X-Name": "value"})
    [heard] = server.heard
    lines = heard.split(b"\r\n")
    assert lines[0] == b"POST /v1?a=b HTTP/1.1"
    assert {b"X-Name: value", b"accept-encoding: identity", b"Content-Length: 8"} <= {
        line.replace(b"Accept-Encoding", b"accept-encoding") for line in lines
    }
    assert heard.endswith(b"\r\n\r\nquestion")


async def test_a_header_cannot_end_the_head() -> None:
    request = httpx2.Request("POST", "http://127.0.0.1:9/", headers=[(b"a", b"b\r\nc: d")], content=b"")
    with pytest.raises(httpx2.LocalProtocolError):
        await Connections().handle_async_request(request)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        OK,
        OK + b"content-length: 9\r\nconnection: close\r\n\r\nans",
        OK + b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n9\r\nans",
        b"SSH-2.0-OpenSSH\r\n",
        OK + b"content-length: 3\r\ncontent-length: 4\r\n\r\nanswer",
        OK + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nanything",
        OK + b"x: " + b"y" * 200_000,
    ],
    ids=[
        *("silence", "half a head", "half a body", "half a chunk", "no HTTP", "two lengths"),
        *("two ways to end", "another protocol", "no end of a head"),
    ],
)
async def test_what_is_no_answer_is_an_error_of_the_connection(
    client: httpx2.AsyncClient, said: bytes
) -> None:
    async with serving(said) as server:
        with pytest.raises(httpx2.TransportError):
            await post(client, server)


@pytest.mark.parametrize(
    "said",
    [
        OK + b"content-length: 99999999\r\n\r\n~" + b"x" * (MAX_BODY_BYTES + 1),
        OK + b"connection: close\r\n\r\n" + b"x" * (MAX_BODY_BYTES + 1),
        CHUNKED + b"1;" + b"x" * 100_000 + b"\r\nx\r\n" * 200,
        CHUNKED + b"0\r\nx: " + b"x" * (2 * MAX_BODY_BYTES),
        OK + b"content-encoding: gzip\r\ncontent-length: 6\r\n\r\nanswer",
    ],
    ids=["told so", "until the end", "what is said of a chunk", "after the last chunk", "packed"],
)
async def test_an_answer_has_a_bound(client: httpx2.AsyncClient, said: bytes) -> None:
    async with serving(said) as server:
        with pytest.raises((ServerFailed, httpx2.RemoteProtocolError)):
            await post(client, server)


async def test_a_connection_on_which_nobody_asked_is_not_used_again(client: httpx2.AsyncClient) -> None:
    answer = OK + b"content-length: 2\r\n\r\nok"
    # Given a server that says more than it was asked for, as an answer to whatever comes next
    async with serving(answer + OK + b"content-length: 5\r\n\r\nwrong", answer) as server:
        first = await post(client, server)
        second = await post(client, server)
    assert (first.content, second.content, server.connections) == (b"ok", b"ok", 2)


async def test_a_connection_that_was_closed_while_it_was_idle_is_made_anew(
    client: httpx2.AsyncClient,
) -> None:
    answer = OK + b"content-length: 2\r\n\r\nok"
    closed = answer.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    async with serving(closed, answer, answer) as server:
        for _ in range(3):
            assert (await post(client, server)).content == b"ok"
    assert server.connections == 2


async def test_who_is_cancelled_hangs_up(client: httpx2.AsyncClient) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"question")
        asked.set()
        with suppress(ConnectionError):
            await reader.read()
        gone.set()
        writer.close()

    running = await asyncio.start_server(serve, LOOPBACK, 0)
    url = f"http://{LOOPBACK}:{running.sockets[0].getsockname()[1]}/"
    asking = asyncio.create_task(client.post(url, content=b"question"))
    await asked.wait()
    asking.cancel()
    await gone.wait()
    assert asking.cancelled()
    running.close()


async def test_a_server_is_believed_by_its_certificate_only(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(LOOPBACK).configure_cert(tls)
    answer = OK + b"content-length: 2\r\n\r\nok"
    async with serving(answer, answer, tls=tls) as server:
        with pytest.raises(httpx2.ConnectError):
            await post(client, server)
        with authority.cert_pem.tempfile() as file:
            monkeypatch.setenv("SSL_CERT_FILE", file)
            async with httpx2.AsyncClient(transport=Connections(), timeout=5) as trusting:
                assert [(await post(trusting, server)).content for _ in range(2)] == [b"ok", b"ok"]


async def test_where_nobody_listens_there_is_no_connection(client: httpx2.AsyncClient) -> None:
    with pytest.raises(httpx2.ConnectError):
        await client.post(f"http://{LOOPBACK}:{free_port()}/", content=b"question")
