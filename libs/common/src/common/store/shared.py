"""One connection of an event loop that all scripts of a process share, each sent at once.

What redis-py does around a command (taking a connection and giving it back, timers, streams, repeats) costs
more than most scripts do. Here a call is bytes out, and a future that its reply settles; replies come in the
order of the calls. It gives up rather than mends: whatever goes wrong with it is left to the client's own
connections, and a new one is opened. It is for scripts: what blocks would hold up all that come after it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import hiredis
import redis.asyncio
import redis.exceptions

from common.store.durability import Command
from common.store.lean import LeanConnection

#: Calls whose replies are awaited at once; more are left to other connections.
MAX_WAITING: Final = 256
#: Between two attempts to open a connection (s).
OPEN_EVERY_S: Final = 1.0
#: Who comes while one is opened waits for it so long (s), and does not open another one.
OPENING_S: Final = 0.25
#: Refusals that redis-py answers with another connection, perhaps to another server.
ELSEWHERE: Final = (
    redis.exceptions.ConnectionError,  # BUSYLOADING too
    redis.exceptions.ReadOnlyError,
    redis.exceptions.MasterDownError,
)


class NotAnswered(Exception):
    """No good reply came: the call may have happened, and is to be made on another connection."""


class SharedConnection:
    """Sends to the server of a client, over a connection like those of the client's pool.

    Args:
        client: Of one server, or of a Sentinel's master; its connections are lean.
        reply_s: It gives up when a reply takes longer.
        idle_s: It gives up when it was idle for longer, as it may have been cut without a word.
        now_s: This process's clock.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        *,
        reply_s: float,
        idle_s: float,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        self._pool: Any = client.connection_pool
        self._reply_s = reply_s
        self._idle_s = idle_s
        self._now_s = now_s
        self._link: _Link | None = None
        self._opening: asyncio.Task[None] | None = None
        self._tried_s = -OPEN_EVERY_S

    async def call(self, command: Command) -> Any:
        """Send a command and return its reply.

        Raises:
            NotAnswered: It is not open, or it gave up.
            redis.exceptions.RedisError: The server refused.
        """
        link = self._up()
        if link is None and self._opening is not None:
            await asyncio.wait([self._opening], timeout=OPENING_S)
            link = self._up()
        if link is None:
            self._open()
            raise NotAnswered
        if link.waiting >= MAX_WAITING:
            raise NotAnswered
        return await link.send(command)

    async def aclose(self) -> None:
        """Hang up; who still waits for a reply gets NotAnswered."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        self._hang_up()

    def _up(self) -> _Link | None:
        return self._link if self._link is not None and self._link.is_up(self._idle_s) else None

    def _open(self) -> None:
        """Begin to open a new connection, unless that is under way or was just tried."""
        now_s = self._now_s()
        if self._opening is None and now_s - self._tried_s >= OPEN_EVERY_S:
            self._tried_s = now_s
            self._opening = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        self._hang_up()
        connection: LeanConnection = self._pool.make_connection()
        try:
            await connection.connect()
        except (redis.exceptions.RedisError, OSError):
            pass  # the client's own connections meet the same, and say so
        else:
            self._link = _Link(*connection.hand_over(), self._reply_s, self._now_s)
        finally:
            self._opening = None

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.hang_up()
            self._link = None


class _Link(asyncio.Protocol):
    """What is shared, while it is up: a connection on which nothing is under way."""

    def __init__(
        self,
        writer: asyncio.StreamWriter,
        parse_error: Callable[[str], Exception],
        reply_s: float,
        now_s: Callable[[], float],
    ) -> None:
        self._writer = writer  # when it is forgotten it closes its transport
        self._transport: Any = writer.transport
        self._replies = hiredis.Reader(protocolError=redis.exceptions.InvalidResponse, replyError=parse_error)
        self._reply_s = reply_s
        #: What is waited for, and since when.
        self._calls: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._now_s = now_s
        self._used_s = now_s()
        self._watch: asyncio.TimerHandle | None = None
        self._transport.set_protocol(self)

    @property
    def waiting(self) -> int:
        """How many calls wait for their replies."""
        return len(self._calls)

    def is_up(self, idle_s: float) -> bool:
        return not self._transport.is_closing() and (
            bool(self._calls) or self._now_s() - self._used_s <= idle_s
        )

    def send(self, command: Command) -> asyncio.Future[Any]:
        """Send a command; its reply is to come, or NotAnswered or the server's refusal instead."""
        self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]  # it takes numbers too
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Any] = loop.create_future()
        self._used_s = self._now_s()
        self._calls.append((reply, self._used_s))
        if self._watch is None:
            self._watch = loop.call_later(self._reply_s, self._look)
        return reply

    def hang_up(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._replies.feed(data)
            while self._calls and (reply := self._replies.gets()) is not False:
                self._settle(self._calls.popleft()[0], reply)
        except redis.exceptions.InvalidResponse:
            self.hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        while self._calls:
            self._settle(self._calls.popleft()[0], NotAnswered())

    def _settle(self, call: asyncio.Future[Any], reply: Any) -> None:
        if isinstance(reply, ELSEWHERE):
            self.hang_up()
            reply = NotAnswered()
        if call.done():
            return  # its caller has gone
        if isinstance(reply, Exception):
            call.set_exception(reply)
        else:
            call.set_result(reply)

    def _look(self) -> None:
        """Give up if the call that waits for longest does so for too long; else look again when it will."""
        self._watch = None
        if not self._calls:
            return
        left_s = self._calls[0][1] + self._reply_s - self._now_s()
        if left_s <= 0:
            self.hang_up()
        else:
            self._watch = asyncio.get_running_loop().call_later(left_s, self._look)
