"""An operation is a value: a script, its keys and arguments, and how to read the reply.

Each is written once. A synchronous runner (Dramatiq's threads) and an asynchronous one (scheduler,
monitor) execute the same value. Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

import redis
import redis.asyncio
import redis.exceptions

from common.errors import JobsError, StoreFull, StoreUnavailable
from common.job.values import made_quickly
from common.store.durability import EVERYSEC, Command, Durability, proof, proven
from common.store.functions import Functions, drive, drive_async, loading
from common.store.scripts import Script
from common.store.shared import NotAnswered, SharedConnection
from common.store.straight import straight_connections
from common.store.together import send_together, send_together_async

R = TypeVar("R")
Argument = str | bytes | int | float
#: What a runner sends with: a client of one server, of a Sentinel's master, or of a cluster.
Client: TypeAlias = "redis.Redis | redis.RedisCluster"
AsyncClient: TypeAlias = "redis.asyncio.Redis | redis.asyncio.RedisCluster"
#: What a client raises when it gets no good answer. A cluster's has an exception that is no RedisError.
STORE_ERRORS: Final = (redis.exceptions.RedisError, redis.exceptions.RedisClusterException)
#: A function is called so often, and loaded between, until a call is made by its script instead.
_FUNCTION_TRIES: Final = 2
_log = logging.getLogger(__name__)


@made_quickly
@dataclass(frozen=True, slots=True)
class Operation(Generic[R]):
    """A script call that has not happened yet."""

    script: Script
    keys: Sequence[str]
    arguments: Sequence[Argument] = field(repr=False)
    read: Callable[[Any], R]
    #: A key in the slot of the others. Where it is set, the reply promises that something is kept, and a
    #: runner that was asked for durability waits until it is; it writes to this key on the way.
    durable: str = ""
    #: A key beside the others, in a slot of its own. A script is given it, as its last one, where one server
    #: has all slots; in a cluster it does without.
    beside: str = ""

    @property
    def fcall(self) -> tuple[Argument, ...]:
        return ("FCALL", self.script.function, *self._input())

    @property
    def evalsha(self) -> tuple[Argument, ...]:
        return ("EVALSHA", self.script.sha, *self._input())

    @property
    def eval(self) -> tuple[Argument, ...]:
        return ("EVAL", self.script.source, *self._input())

    def _input(self) -> tuple[Argument, ...]:
        if self.beside:
            return (len(self.keys) + 1, *self.keys, self.beside, *self.arguments)
        return (len(self.keys), *self.keys, *self.arguments)

    def in_one_slot(self) -> Operation[R]:
        """Return the operation as a cluster takes it."""
        return replace(self, beside="") if self.beside else self


#: Operations, each of which may follow from what those before it told, and what all of them come to.
Steps: TypeAlias = Generator[Operation[Any], Any, R]


@dataclass(frozen=True, slots=True)
class _Done(Generic[R]):
    value: R


def _advance(steps: Steps[R], told: Any) -> Operation[Any] | _Done[R]:
    try:
        return steps.send(told)
    except StopIteration as end:
        return _Done(end.value)


class SyncRunner:
    """Runs operations on the calling thread. Safe to share between threads, as its client is.

    Args:
        functions: Whether it calls functions where the server has them; else it sends scripts.
    """

    def __init__(self, client: Client, *, durability: Durability = EVERYSEC, functions: bool = True) -> None:
        self._client: Any = client
        self._durability = durability
        #: Whether the store's slots may lie on several servers, so that a script has keys of one slot only.
        self.is_cluster = isinstance(client, redis.RedisCluster)
        self._functions = Functions(enabled=functions and not self.is_cluster)
        self._straight = straight_connections(client)

    def run(self, operation: Operation[R]) -> R:
        """Run one operation and return what it reads.

        Raises:
            StoreUnavailable: The server did not answer, or answered with an error; the operation
                may have happened. Every operation may be repeated.
            StoreFull: The server is at its memory limit and the script adds data.
        """
        try:
            reply = self._reply_to(operation.in_one_slot() if self.is_cluster else operation)
        except STORE_ERRORS as error:
            self.is_cluster = self.is_cluster or _is_of_cluster(error)
            raise translated(error, operation) from error
        return operation.read(reply)

    def run_steps(self, steps: Steps[R]) -> R:
        """Run operations one after the other and return what they come to; errors as for run."""
        step = _advance(steps, None)
        while not isinstance(step, _Done):
            step = _advance(steps, self.run(step))
        return step.value

    def run_after(self, wait: Command, operation: Operation[R]) -> R:
        """Run one operation as soon as a blocking command has ended, in one round trip with it.

        Args:
            wait: Blocks in the slot of the operation's keys, for less than the client waits for a reply.

        Raises:
            JobsError: As for run, and if the blocking command was refused.
        """
        call = operation.fcall if self._functions.has(operation.script) else operation.evalsha
        try:
            waited, reply = self._exchange(operation.keys[0], [wait, call])
            if isinstance(waited, Exception):
                raise waited
            if isinstance(reply, redis.exceptions.NoScriptError) or (
                isinstance(reply, Exception) and self._functions.is_missing(reply)
            ):
                reply = self._reply_to(operation)
            elif isinstance(reply, Exception):
                raise reply
        except STORE_ERRORS as error:
            raise translated(error, operation) from error
        return operation.read(reply)

    def _reply_to(self, operation: Operation[Any]) -> Any:
        for _ in range(_FUNCTION_TRIES):
            if not self._functions.has(operation.script):
                break
            try:
                return self._send(operation, operation.fcall)
            except redis.exceptions.ResponseError as error:
                if not self._functions.is_missing(error):
                    raise
            self._load(operation.script)
        try:
            return self._send(operation, operation.evalsha)
        except redis.exceptions.NoScriptError:
            return self._send(operation, operation.eval)

    def _load(self, asked: Script) -> None:
        if not self._functions.may_load():
            self._functions.note_absent(asked)
            return
        try:
            drive(self._command, loading(asked))
        except redis.exceptions.ResponseError as error:
            self._functions.note_not_loaded(asked, error)
        else:
            self._functions.note_loaded(asked)

    def _send(self, operation: Operation[Any], call: Command) -> Any:
        if operation.durable and self._durability.waits:
            commands = [call, *proof(operation.durable, self._durability)]
            return proven(self._exchange(operation.durable, commands), self._durability)
        return self._command(call)

    def _command(self, command: Command) -> Any:
        if self._straight is not None:
            try:
                [reply] = self._straight.exchange([command])
            except NotAnswered:
                pass
            else:
                if isinstance(reply, Exception):
                    raise reply
                return reply
        return self._client.execute_command(*command)

    def _exchange(self, key: str, commands: Sequence[Command]) -> list[Any]:
        """Send commands together, to the server that has `key`; return their replies and refusals."""
        if self._straight is not None:
            try:
                return self._straight.exchange(commands)
            except NotAnswered:
                pass
        return send_together(self._client, key, commands)


class AsyncRunner:
    """Runs operations on an event loop.

    Args:
        shared: Where operations are sent first; what it cannot take goes through `client`.
    """

    def __init__(
        self,
        client: AsyncClient,
        *,
        durability: Durability = EVERYSEC,
        shared: SharedConnection | None = None,
    ) -> None:
        self._client: Any = client
        self._durability = durability
        self._shared = shared
        #: As that of a SyncRunner.
        self.is_cluster = isinstance(client, redis.asyncio.RedisCluster)
        self._functions = Functions(enabled=not self.is_cluster)
        #: Functions that are being loaded, by the names of their scripts.
        self._loads: dict[str, asyncio.Task[None]] = {}

    async def run(self, operation: Operation[R]) -> R:
        """Run one operation and return what it reads; errors as for SyncRunner.run."""
        try:
            reply = await self._reply_to(operation.in_one_slot() if self.is_cluster else operation)
        except STORE_ERRORS as error:
            self.is_cluster = self.is_cluster or _is_of_cluster(error)
            raise translated(error, operation) from error
        return operation.read(reply)

    async def run_steps(self, steps: Steps[R], *, on_thread: bool = False) -> R:
        """Run operations one after the other and return what they come to; errors as for SyncRunner.run.

        Args:
            on_thread: To make one takes a while.
        """

        async def after(told: Any) -> Operation[Any] | _Done[R]:
            return await asyncio.to_thread(_advance, steps, told) if on_thread else _advance(steps, told)

        step = await after(None)
        while not isinstance(step, _Done):
            step = await after(await self.run(step))
        return step.value

    async def _reply_to(self, operation: Operation[Any]) -> Any:
        for _ in range(_FUNCTION_TRIES):
            if not self._functions.has(operation.script):
                break
            try:
                return await self._send(operation, operation.fcall)
            except redis.exceptions.ResponseError as error:
                if not self._functions.is_missing(error):
                    raise
            await self._load(operation.script)
        try:
            return await self._send(operation, operation.evalsha)
        except redis.exceptions.NoScriptError:
            return await self._send(operation, operation.eval)

    async def _load(self, asked: Script) -> None:
        """Load a function; those who miss it at the same time wait for the same loading."""
        task = self._loads.get(asked.name)
        if task is None:
            task = self._loads[asked.name] = asyncio.create_task(self._load_now(asked))
            task.add_done_callback(lambda _: self._loads.pop(asked.name))
        await asyncio.shield(task)

    async def _load_now(self, asked: Script) -> None:
        if not self._functions.may_load():
            self._functions.note_absent(asked)
            return
        try:
            await drive_async(self._command, loading(asked))
        except redis.exceptions.ResponseError as error:
            self._functions.note_not_loaded(asked, error)
        else:
            self._functions.note_loaded(asked)

    async def _send(self, operation: Operation[Any], call: Command) -> Any:
        if not operation.durable or not self._durability.waits:
            return await self._command(call)
        commands = [call, *proof(operation.durable, self._durability)]
        replies = await send_together_async(self._client, operation.durable, commands)
        return proven(replies, self._durability)

    async def _command(self, command: Command) -> Any:
        if self._shared is not None:
            try:
                return await self._shared.call(command)
            except NotAnswered:
                pass
        return await self._client.execute_command(*command)


class LoopRunner(Protocol):
    """What runs operations on an event loop: an AsyncRunner, or a ThreadRunner."""

    async def run(self, operation: Operation[R]) -> R: ...


class ThreadRunner:
    """Runs operations for an event loop by a runner for threads: a thread waits for each reply.

    An AsyncRunner costs a fifth of that. This is for clients that there are for threads only.
    """

    def __init__(self, runner: SyncRunner) -> None:
        self._runner = runner

    async def run(self, operation: Operation[R]) -> R:
        """Run one operation and return what it reads; errors as for SyncRunner.run."""
        return await asyncio.to_thread(self._runner.run, operation)


def _is_of_cluster(error: Exception) -> bool:
    """Whether a refusal shows that what was taken for one server is a cluster, as one behind a proxy is."""
    return isinstance(error, redis.exceptions.ClusterCrossSlotError) or str(error).startswith("CROSSSLOT")


#: Refusals that end by themselves: the server starts, changes its role or its slots, has lost its replicas or
#: its disk. The first word of each; redis-py drops that of those for which it has an exception.
_PASSING: Final = ("UNBLOCKED", "NOREPLICAS", "MISCONF", "BUSY", "NOSCRIPT")
_PASSING_ERRORS: Final = (
    redis.exceptions.ReadOnlyError,
    redis.exceptions.ClusterError,  # CLUSTERDOWN and MASTERDOWN too
    redis.exceptions.AskError,  # MOVED too
    redis.exceptions.TryAgainError,
    redis.exceptions.NoScriptError,
    redis.exceptions.ClusterCrossSlotError,  # known from then on
)


def translated(error: Exception, operation: Operation[Any] | None = None) -> JobsError:
    """Return the platform's error for one of STORE_ERRORS; a refusal that will not pass is logged."""
    if isinstance(error, redis.exceptions.OutOfMemoryError) or str(error).startswith("OOM"):
        return StoreFull()
    refused = isinstance(error, (redis.exceptions.ResponseError, redis.exceptions.AuthenticationError))
    if refused and not isinstance(error, _PASSING_ERRORS) and not str(error).startswith(_PASSING):
        name = operation.script.name if operation is not None else "command"
        _log.error("the store refused %s: %s", name, str(error)[:300])
    return StoreUnavailable()
