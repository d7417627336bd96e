"""Connections of threads that spend less on each command than redis-py's way to them.

redis-py takes 65 µs of a thread for a command of which sending and reading are 25, and several times that
when the thread has slept before. Here a thread takes a connection, which redis-py has made, writes to its
socket, reads from it, and gives it back. As with the shared connection of an event loop, whatever goes wrong
is left to the client's way, which tries again.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final
from weakref import WeakKeyDictionary

import hiredis
import redis
import redis.exceptions
from hiredis import pack_command

from common.store.durability import Command
from common.store.shared import ELSEWHERE, NotAnswered

#: Connections that are kept while no thread uses them.
FREE_MAX: Final = 32
#: One that was idle for longer (s) may have been cut without a word, and is made anew.
IDLE_S: Final = 15.0
#: After something went wrong, it is left to the client for so long (s).
REST_S: Final = 1.0
#: Bytes that are read at once.
_READ_BYTES: Final = 32_768
_NOT_YET: Final = object()
_made: WeakKeyDictionary[redis.Redis, StraightConnections] = WeakKeyDictionary()


class _Line:
    """A connection that redis-py has made, whose socket is written and read here."""

    __slots__ = ("_connection", "_file", "_replies", "_socket")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._socket: Any = None
        #: The number of a plain socket's file; None while there is none.
        self._file: int | None = None

    def send(self, packed: bytes) -> None:
        """Write, after it has connected if it is not.

        Raises:
            redis.exceptions.RedisError, OSError: It does not connect, or was cut.
        """
        if self._socket is None:
            self._connect()
        sent = 0 if self._file is None else _written(self._file, packed)
        if sent < len(packed):
            self._socket.sendall(memoryview(packed)[sent:])

    def read(self) -> Any:
        """Return the next reply, an exception where the server refused.

        Raises:
            redis.exceptions.RedisError, OSError: None came in time, or it was cut.
        """
        while (reply := self._replies.gets()) is _NOT_YET or type(reply) is hiredis.PushNotification:
            if reply is _NOT_YET:
                self._receive()
        return reply

    def _receive(self) -> None:
        data = self._socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionResetError
        self._replies.feed(data)

    def hang_up(self) -> None:
        self._socket = self._file = None
        self._connection.disconnect()

    def _connect(self) -> None:
        connection = self._connection
        connection.connect_check_health(check_health=False)
        encoder = connection.encoder
        self._replies = hiredis.Reader(
            protocolError=redis.exceptions.InvalidResponse,
            replyError=connection._parser.parse_error,
            encoding=encoder.encoding if encoder.decode_responses else None,
            errors=encoder.encoding_errors,
            notEnoughData=_NOT_YET,
        )
        self._socket = connection._sock
        self._file = self._socket.fileno() if type(self._socket) is socket.socket else None


def _written(file: int, packed: bytes) -> int:
    """Write what the kernel takes at once, most often all; a socket with a time-out asks it before."""
    try:
        return os.write(file, packed)
    except BlockingIOError:
        return 0


class StraightConnections:
    """Sends to the server of a client, over connections like those of the client's pool.

    Args:
        client: For threads, of one server or of a Sentinel's master.
        now_s: This process's clock.
    """

    def __init__(self, client: redis.Redis, *, now_s: Callable[[], float] = monotonic) -> None:
        self._pool: Any = client.connection_pool
        self._now_s = now_s
        #: Free ones, and when each was used last.
        self._free: deque[tuple[_Line, float]] = deque()
        self._rests_until_s = 0.0
        self._pid = os.getpid()

    def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands in one write; return the reply to each, an exception where the server refused it.

        Raises:
            NotAnswered: No good replies came, or it rests; the commands may have been run.
        """
        now_s = self._now_s()
        if now_s < self._rests_until_s:
            raise NotAnswered
        line = self._take(now_s)
        try:
            line.send(b"".join([pack_command(command) for command in commands]))  # type: ignore[arg-type]  # numbers too
            replies = [line.read() for _ in commands]
        except (redis.exceptions.RedisError, OSError) as error:
            self._give_up(line)
            raise NotAnswered from error
        except BaseException:  # the thread is interrupted, and what was asked is not read
            line.hang_up()
            raise
        if any(isinstance(reply, ELSEWHERE) for reply in replies):
            self._give_up(line)
            raise NotAnswered
        self._free.append((line, self._now_s()))
        if len(self._free) > FREE_MAX:
            self._free.popleft()[0].hang_up()
        return replies

    def _take(self, now_s: float) -> _Line:
        """Return the connection that was used last, or a new one, which connects when it is written to."""
        if self._pid != os.getpid():
            self._free.clear()
            self._pid = os.getpid()
        try:
            line, used_s = self._free.pop()
        except IndexError:
            return _Line(self._pool.make_connection())
        if now_s - used_s > IDLE_S:
            line.hang_up()
        return line

    def _give_up(self, line: _Line) -> None:
        """Let all go: what has befallen one has befallen the others, most often."""
        self._rests_until_s = self._now_s() + REST_S
        line.hang_up()
        while self._free:
            try:
                self._free.pop()[0].hang_up()
            except IndexError:  # another thread took the last one
                return


def straight_connections(client: Any) -> StraightConnections | None:
    """Return those of a client, which all its runners share; None for a cluster: it alone knows the way."""
    if not isinstance(client, redis.Redis):
        return None
    made = _made.get(client)
    if made is None:
        made = _made.setdefault(client, StraightConnections(client))
    return made
