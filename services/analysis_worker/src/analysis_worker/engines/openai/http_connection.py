"""One connection to a server: a request at a time is written whole, and its answer read whole.

httptools (the parser of Node.js) reads what comes; nothing stands between it and the event loop. Of HTTP/1.1
there is what it takes to post a request: an answer ends by its length, by its last chunk, or with the
connection. A server may be anyone's: what it says is read up to a bound, and what is no HTTP is an error.
"""

from __future__ import annotations

import asyncio
import select
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from analysis_worker.domain.unshown import Unshown
from common.provider.errors import ServerFailed

#: Longer answers are no answers.
MAX_BODY_BYTES: Final = 8 * 1024**2
#: What stands before a body may take so much.
_MAX_HEAD_BYTES: Final = 128 * 1024
#: What is said of chunks, and after the last one, may take as much again as the body.
_MAX_BYTES: Final = 2 * MAX_BODY_BYTES
_FRAMED: Final = frozenset({b"content-length", b"transfer-encoding"})
_OK: Final = 200


@dataclass(frozen=True, slots=True, repr=False)
class Answered(Unshown):
    """What came over the wire."""

    status: int
    #: In their order, as they were spelled.
    headers: list[tuple[bytes, bytes]] = field(repr=False)
    body: bytes = field(repr=False)


class HttpConnection(asyncio.Protocol):
    """A connection that is made with `create_connection`. What `ask` raises, and a cancel, ends it."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._parser = HttpResponseParser(self)
        self._answer: asyncio.Future[Answered] | None = None
        self._poll = select.poll()
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: The server means to go on after this answer.
        self._stays = True
        self._start()

    @property
    def is_open(self) -> bool:
        """Whether it can be asked; False if the server has closed it, or said what nobody asked for."""
        return self._stays and not self._transport.is_closing() and not self._poll.poll(0)

    async def ask(self, request: bytes) -> Answered:
        """Write a request, and return the answer to it.

        Raises:
            httpx2.RemoteProtocolError: It is no HTTP, or the connection ended before it was whole.
            httpx2.ReadError: The connection broke.
            ServerFailed: It is longer than MAX_BODY_BYTES.
        """
        self._start()
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._transport.write(request)
        try:
            return await answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = None

    def close(self) -> None:
        """End it at once."""
        self._stays = False
        self._transport.abort()

    async def aclose(self) -> None:
        """End it, and wait until its socket is closed."""
        self.close()
        await asyncio.wait([self._lost])

    def _start(self) -> None:
        self._bytes = 0
        self._body_bytes = 0
        self._head_is_whole = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.close()
            return
        self._bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._fail(httpx2.RemoteProtocolError(f"the answer is no HTTP ({type(error).__name__})"))
            return
        if self._body_bytes > MAX_BODY_BYTES or self._bytes > _MAX_BYTES:
            self._fail(ServerFailed(f"the reply is longer than {MAX_BODY_BYTES} bytes"))
        elif not self._head_is_whole and self._bytes > _MAX_HEAD_BYTES:
            self._fail(httpx2.RemoteProtocolError("what stands before the answer does not end"))

    def eof_received(self) -> bool:
        self._stays = False
        if self._head_is_whole and not any(name.lower() in _FRAMED for name, _ in self._headers):
            self._settle()  # it goes on until the connection ends
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._stays = False
        self._lost.set_result(None)
        if exc is not None:
            self._fail(httpx2.ReadError(f"the connection broke ({type(exc).__name__})"))
        else:
            self._fail(httpx2.RemoteProtocolError("the connection ended before the answer was whole"))

    # What the parser tells.

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():  # more than was asked for
            self._stays = False
            return
        self._head_is_whole = False
        self._headers, self._body = [], []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_is_whole:  # else it stands after the last chunk
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._head_is_whole = True

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes <= MAX_BODY_BYTES:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < _OK:
            self._head_is_whole = False  # it only says that there will be an answer
            return
        self._stays = self._stays and self._parser.should_keep_alive()
        if self._body_bytes <= MAX_BODY_BYTES:
            self._settle()

    def _settle(self) -> None:
        if self._answer is not None and not self._answer.done():
            told = Answered(self._parser.get_status_code(), self._headers, b"".join(self._body))
            self._answer.set_result(told)

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self._transport.abort()
