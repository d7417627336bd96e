"""Which form of a script a server is sent: a function where it has one, the script itself everywhere else.

Functions are kept in the server's files and by its replicas. One that is missing is loaded by whoever meets
that and may; who may not sends the script, and tries again later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from typing import Any, Final, TypeAlias

import redis.asyncio
import redis.exceptions

from common.store.durability import Command
from common.store.scripts import LIBRARY_PREFIX, Script, script, script_names

#: The commands that load something, each of which is sent its reply.
Loading: TypeAlias = "Generator[Command, Any, None]"
#: A function that could not be loaded is not asked for again for so long (s).
ABSENT_S: Final = 30.0
#: A server that refuses FCALL itself is not sent one for so long (s).
OFF_S: Final = 300.0
#: Libraries of one script from other versions that stay when one is loaded. Who misses one loads it again.
OTHERS_KEPT: Final = 4
#: Between two looks whether all functions are there (s).
LOOK_EVERY_S: Final = 60.0
#: The keeper's last command may take so long (s).
CLOSE_S: Final = 2.0
_log = logging.getLogger(__name__)


class Functions:
    """What one client knows of its server's functions. Threads share it: a race costs one refusal more.

    Args:
        enabled: Not for a cluster, whose client asks for the keys of each FCALL: a round trip more.
        now_s: This process's clock.
    """

    def __init__(self, *, enabled: bool, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._off_until_s = 0.0 if enabled else float("inf")
        self._may_load = True
        #: By the name of a script.
        self._absent_until_s: dict[str, float] = {}

    def has(self, asked: Script) -> bool:
        """Whether to call a function for this script."""
        if not self._off_until_s and not self._absent_until_s:
            return True
        now_s = self._now_s()
        return self._off_until_s <= now_s and self._absent_until_s.get(asked.name, 0.0) <= now_s

    def is_missing(self, error: Exception) -> bool:
        """Whether a call was refused for want of the function, so that the script can take its place."""
        if isinstance(error, redis.exceptions.NoPermissionError) or "unknown command" in str(error):
            self._off_until_s = self._now_s() + OFF_S
            return True
        return "Function not found" in str(error)

    def may_load(self) -> bool:
        """Whether neither FCALL nor the loading of functions was refused to this user."""
        return self._may_load and self._off_until_s <= self._now_s()

    def note_loaded(self, asked: Script) -> None:
        self._absent_until_s.pop(asked.name, None)

    def note_not_loaded(self, asked: Script, error: Exception) -> None:
        """Note that a function is missing and could not be loaded; who may load none does not try again."""
        if isinstance(error, redis.exceptions.NoPermissionError):
            self._may_load = False
        self.note_absent(asked)

    def note_absent(self, asked: Script) -> None:
        self._absent_until_s[asked.name] = self._now_s() + ABSENT_S


def loading(asked: Script) -> Loading:
    """Load the function of a script, and remove what versions of long ago left of it."""
    yield ("FUNCTION", "LOAD", "REPLACE", asked.library)
    prefix = f"{LIBRARY_PREFIX}{asked.name}_"
    libraries = yield ("FUNCTION", "LIST", "LIBRARYNAME", f"{prefix}[0-9]*")
    others = [name for name in _names(libraries) if name != asked.function]
    if len(others) > OTHERS_KEPT:
        for name in others:
            yield ("FUNCTION", "DELETE", name)


def loading_all() -> Loading:
    """Load what is missing of the functions of all scripts."""
    there = set(_names((yield ("FUNCTION", "LIST", "LIBRARYNAME", f"{LIBRARY_PREFIX}*"))))
    for name in script_names():
        if script(name).function not in there:
            yield from loading(script(name))


def _names(libraries: list[Any]) -> list[str]:
    """Read the names in a reply to FUNCTION LIST, which comes as pairs or as maps."""
    found = []
    for told in libraries:
        library = told if isinstance(told, dict) else dict(zip(told[::2], told[1::2], strict=True))
        found.append(library[b"library_name"].decode())
    return found


def drive(send: Callable[[Command], Any], steps: Loading) -> None:
    """Send the commands of `steps`, and each reply to them.

    Raises:
        redis.exceptions.RedisError: One was refused, or did not get through.
    """
    try:
        command = next(steps)
        while True:
            command = steps.send(send(command))
    except StopIteration:
        return


async def drive_async(
    send: Callable[[Command], Awaitable[Any]], steps: Loading, *, until: Callable[[], bool] = lambda: False
) -> None:
    """As drive, on an event loop, and only `until` something is so."""
    try:
        command = next(steps)
        while not until():
            command = steps.send(await send(command))
    except StopIteration:
        return


class FunctionKeeper:
    """Has all functions loaded, also those that only others call, who need not be allowed to load any."""

    def __init__(self, client: Any, *, every_s: float = LOOK_EVERY_S) -> None:
        self._client = client
        self._every_s = every_s
        self._told = False
        self._running: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()
        if isinstance(client, redis.asyncio.RedisCluster):
            self._closed.set()  # nobody calls functions of a cluster

    async def close(self) -> None:
        """End `run`, after the command that is under way: to cancel that could leave its connection open."""
        self._closed.set()
        if self._running is not None:
            await asyncio.wait([self._running], timeout=CLOSE_S)

    async def run(self) -> None:
        """Look now and then, until closed or cancelled."""
        self._running = asyncio.current_task()
        while not self._closed.is_set():
            await self.look()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), self._every_s)

    async def _send(self, command: Command) -> Any:
        return await self._client.execute_command(*command)

    async def look(self) -> None:
        """Load what is missing. A server that does not answer or does not allow it is left as it is."""
        try:
            await drive_async(self._send, loading_all(), until=self._closed.is_set)
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            return
        except redis.exceptions.RedisError as error:
            if not self._told:
                _log.info("the store takes no functions, so scripts are sent: %s", str(error)[:200])
            self._told = True
