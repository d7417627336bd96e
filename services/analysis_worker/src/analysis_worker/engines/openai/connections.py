"""The connections to a provider: as many as there are calls at once, the one that was used last goes first.

httpx2's own pool looks through all connections, and asks the kernel of those that are idle, whenever a call
begins or ends: with 64 calls in flight that took as long as the sending. It closes what was idle for 5 s, so
that a call now and then makes a connection, and a TLS handshake, each time. And between a request and its
socket stand seven layers, which are made for streams in both directions: here both go whole.

An answer is never unpacked, which would have no bound.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from time import monotonic
from typing import Any, Final, TypeAlias
from urllib.request import getproxies
from weakref import WeakSet

import httpx2

from analysis_worker.engines.openai.http_connection import HttpConnection
from common.provider.errors import ServerFailed

#: Calls at once; more wait. As many as the package allows.
MOST: Final = 1_000
#: A connection that was idle for longer (s) is closed; providers close theirs after a minute or later.
IDLE_S: Final = 50.0
#: Where an address has several, the next is tried after this (s); RFC 8305.
_NEXT_ADDRESS_S: Final = 0.25
_PORTS: Final = {"http": 80, "https": 443}
#: The encoding of what is not packed.
_AS_IT_IS: Final = "identity"
_ENCODINGS: Final = b"accept-encoding"
#: Who closes waits so long for connections that are being made and that nobody wants any more (s).
_LAST_WAIT_S: Final = 1.0
_Origin: TypeAlias = tuple[str, str, int]
_Opening: TypeAlias = "asyncio.Future[tuple[asyncio.Transport, HttpConnection]]"


class Client(httpx2.AsyncClient):
    """What the package sends its requests with: they go as it wrote them, with its headers alone.

    httpx2 would add headers of its own, which the package replaces, and read the same address each time.
    """

    def __init__(self, timeout: httpx2.Timeout) -> None:
        limits = httpx2.Limits(max_connections=MOST, keepalive_expiry=IDLE_S)  # of connections to a proxy
        super().__init__(timeout=timeout, transport=connections(), limits=limits, follow_redirects=True)
        self._last = "", httpx2.URL()

    def build_request(
        self, method: str, url: httpx2.URL | str, *, content: Any = None, headers: Any = None, **options: Any
    ) -> httpx2.Request:
        """Return a request; one that is more than bytes to an address is httpx2's."""
        timeout = options.get("timeout")
        if (
            not isinstance(content, bytes)
            or not isinstance(url, str)
            or not isinstance(timeout, httpx2.Timeout)
            or any(value for name, value in options.items() if name != "timeout")
        ):
            return super().build_request(method, url, content=content, headers=headers, **options)
        if self._last[0] != url:
            self._last = url, httpx2.URL(url)
        return httpx2.Request(
            method,
            self._last[1],
            headers=headers,
            cookies=self.cookies,
            content=content,
            extensions={"timeout": timeout.as_dict()},
        )


def connections() -> Connections | None:
    """Return what calls are made over; None where the environment names a proxy, which httpx2 uses."""
    return None if getproxies().keys() - {"no"} else Connections()


class Connections(httpx2.AsyncBaseTransport):
    """Gives each call the connection that was used last. Made for one event loop.

    Of a request's timeouts it keeps that for connecting: who calls bounds the whole.
    """

    def __init__(self) -> None:
        self._ssl = httpx2.create_ssl_context()
        self._ssl.set_alpn_protocols(["http/1.1"])
        self._room = asyncio.Semaphore(MOST)
        #: The longest idle first, with the time since when (s).
        self._idle: defaultdict[_Origin, deque[tuple[HttpConnection, float]]] = defaultdict(deque)
        #: An open one is held by the event loop.
        self._all: WeakSet[HttpConnection] = WeakSet()
        #: Connections that are being made, and that nobody waits for any more.
        self._unwanted: set[_Opening] = set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; its answer is there as a whole."""
        url = request.url
        if url.scheme not in _PORTS:
            raise httpx2.UnsupportedProtocol(f"no requests go by {url.scheme!r}")
        origin = url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme]
        written = _spelled(request, await request.aread())
        async with self._room:
            connection = self._free(origin) or await self._open(origin, request)
            answered = await connection.ask(written)
            if connection.is_open:
                self._idle[origin].append((connection, monotonic()))
            else:
                connection.close()
        headers = httpx2.Headers(answered.headers)
        if headers.get("content-encoding", _AS_IT_IS) != _AS_IT_IS:
            raise ServerFailed("the reply is packed, which was not asked for")
        return httpx2.Response(answered.status, headers=headers, content=answered.body)

    async def aclose(self) -> None:
        """End all, also those on which calls are under way."""
        self._idle.clear()
        if self._unwanted:
            await asyncio.wait(self._unwanted, timeout=_LAST_WAIT_S)
            for opening in self._unwanted:
                opening.cancel()
        for connection in tuple(self._all):
            await connection.aclose()

    def _free(self, origin: _Origin) -> HttpConnection | None:
        idle = self._idle[origin]
        while idle and monotonic() - idle[0][1] > IDLE_S:
            idle.popleft()[0].close()
        while idle:
            connection, _ = idle.pop()
            if connection.is_open:
                return connection
            connection.close()
        return None

    async def _open(self, origin: _Origin, request: httpx2.Request) -> HttpConnection:
        scheme, host, port = origin
        secure = scheme == "https"
        opening: _Opening = asyncio.ensure_future(
            asyncio.get_running_loop().create_connection(
                HttpConnection,
                host,
                port,
                ssl=self._ssl if secure else None,
                server_hostname=host if secure else None,
                happy_eyeballs_delay=_NEXT_ADDRESS_S,
            )
        )
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("connect")):
                # Addresses are tried side by side: a cancel as one answers would leave its socket open.
                _, connection = await asyncio.shield(opening)
        except TimeoutError as error:
            self._let_go(opening)
            raise httpx2.ConnectTimeout("no connection in time") from error
        except OSError as error:
            raise httpx2.ConnectError(f"no connection ({type(error).__name__})") from error
        except asyncio.CancelledError:
            self._let_go(opening)
            raise
        self._all.add(connection)
        return connection

    def _let_go(self, opening: _Opening) -> None:
        """End a connection once it is made."""
        self._unwanted.add(opening)
        opening.add_done_callback(self._end_unwanted)

    def _end_unwanted(self, opening: _Opening) -> None:
        self._unwanted.discard(opening)
        if not opening.cancelled() and opening.exception() is None:
            _, connection = opening.result()
            self._all.add(connection)
            connection.close()


def _spelled(request: httpx2.Request, body: bytes) -> bytes:
    """Return a request as it goes over the wire.

    Raises:
        httpx2.LocalProtocolError: A header holds what would end it, or it comes in parts.
    """
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%b: %b" % header for header in request.headers.raw if header[0].lower() != _ENCODINGS]
    lines.append(b"%b: %b" % (_ENCODINGS, _AS_IT_IS.encode("ascii")))
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1 or b"\0" in head:
        raise httpx2.LocalProtocolError("a header of a request is no header")
    if "transfer-encoding" in request.headers:
        raise httpx2.LocalProtocolError("a request is sent whole")
    return b"%b\r\n\r\n%b" % (head, body)
