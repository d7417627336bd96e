"""The connections to a provider: as many as there are calls at once, each in a pool of its own.

httpx2 looks through all connections of a pool, and asks the kernel of those that are idle, whenever a call
begins or ends: with 64 calls in flight that took as long as the sending. And it closes what was idle for 5 s,
so that a call now and then makes a connection, and a TLS handshake, each time.

A server may be anyone's: what it says is read up to a bound, and never unpacked, which would have none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Final
from urllib.request import getproxies

import httpx2

from common.provider.errors import ServerFailed

#: Longer answers are no answers.
MAX_BODY_BYTES: Final = 8 * 1024**2
#: Calls at once; more wait. As many as the package allows.
MOST: Final = 1_000
#: A connection that was idle for longer (s) is closed; providers close theirs after a minute or later.
IDLE_S: Final = 50.0


def connections() -> Connections | None:
    """Return what calls are made over; None where the environment names a proxy, which httpx2 uses."""
    return None if getproxies().keys() - {"no"} else Connections()


class Connections(httpx2.AsyncBaseTransport):
    """Gives each call the connection that was used last. Made for one event loop."""

    def __init__(self) -> None:
        self._ssl = httpx2.create_ssl_context()
        self._limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_S)
        self._room = asyncio.Semaphore(MOST)
        #: The longest idle first, with the time since when (s).
        self._idle: deque[tuple[httpx2.AsyncHTTPTransport, float]] = deque()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request. Its connection is free again when the response is closed."""
        await self._close_idle()
        request.headers["accept-encoding"] = _AS_IT_IS
        await self._room.acquire()
        transport = self._idle.pop()[0] if self._idle else self._open()
        try:
            response = await transport.handle_async_request(request)
        except BaseException:
            self._free(transport)
            raise
        if not isinstance(response.stream, httpx2.AsyncByteStream):
            raise TypeError("a response of an asynchronous transport is read asynchronously")
        response.stream = _Body(response.stream, lambda: self._free(transport))
        if response.headers.get("content-encoding", _AS_IT_IS) != _AS_IT_IS:
            await response.aclose()
            raise ServerFailed("the reply is packed, which was not asked for")
        return response

    async def aclose(self) -> None:
        while self._idle:
            await self._idle.pop()[0].aclose()

    def _open(self) -> httpx2.AsyncHTTPTransport:
        return httpx2.AsyncHTTPTransport(verify=self._ssl, limits=self._limits)

    def _free(self, transport: httpx2.AsyncHTTPTransport) -> None:
        self._idle.append((transport, monotonic()))
        self._room.release()

    async def _close_idle(self) -> None:
        while self._idle and monotonic() - self._idle[0][1] > IDLE_S:
            await self._idle.popleft()[0].aclose()


#: The encoding of what is not packed.
_AS_IT_IS: Final = "identity"


class _Body(httpx2.AsyncByteStream):
    """The body of a response, which says once that it is closed."""

    def __init__(self, body: httpx2.AsyncByteStream, closed: Callable[[], None]) -> None:
        self._body = body
        self._closed: Callable[[], None] | None = closed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        room = MAX_BODY_BYTES
        async for chunk in self._body:
            room -= len(chunk)
            if room < 0:
                raise ServerFailed(f"the reply is longer than {MAX_BODY_BYTES} bytes")
            yield chunk

    async def aclose(self) -> None:
        try:
            await self._body.aclose()
        finally:
            closed, self._closed = self._closed, None
            if closed is not None:
                closed()
