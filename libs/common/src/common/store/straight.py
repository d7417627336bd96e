"""Connections of threads that spend less on each command than redis-py's way to them.

redis-py takes 65 µs of a thread for a command of which sending and reading are 25, and several times that
when the thread has slept before. Here a thread takes a connection, writes, reads, and gives it back. As with
the shared connection of an event loop, whatever goes wrong is left to the client's way, which tries again.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final
from weakref import WeakKeyDictionary

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
_made: WeakKeyDictionary[redis.Redis, StraightConnections] = WeakKeyDictionary()


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
        self._free: deque[tuple[Any, float]] = deque()
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
        connection = self._take(now_s)
        packed = b"".join([pack_command(command) for command in commands])  # type: ignore[arg-type]  # numbers too
        replies: list[Any] = []
        try:
            connection.send_packed_command((packed,), check_health=False)
            for _ in commands:
                try:
                    replies.append(connection.read_response())
                except redis.exceptions.ResponseError as refusal:
                    replies.append(refusal)
        except (redis.exceptions.RedisError, OSError) as error:
            self._give_up(connection)
            raise NotAnswered from error
        except BaseException:  # the thread is interrupted, and what was asked is not read
            connection.disconnect()
            raise
        if any(isinstance(reply, ELSEWHERE) for reply in replies):
            self._give_up(connection)
            raise NotAnswered
        self._free.append((connection, self._now_s()))
        if len(self._free) > FREE_MAX:
            self._free.popleft()[0].disconnect()
        return replies

    def _take(self, now_s: float) -> Any:
        """Return the connection that was used last, or a new one, which connects when it is written to."""
        if self._pid != os.getpid():
            self._free.clear()
            self._pid = os.getpid()
        try:
            connection, used_s = self._free.pop()
        except IndexError:
            return self._pool.make_connection()
        if now_s - used_s > IDLE_S:
            connection.disconnect()
        return connection

    def _give_up(self, connection: Any) -> None:
        """Let all go: what has befallen one has befallen the others, most often."""
        self._rests_until_s = self._now_s() + REST_S
        connection.disconnect()
        while self._free:
            try:
                self._free.pop()[0].disconnect()
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
