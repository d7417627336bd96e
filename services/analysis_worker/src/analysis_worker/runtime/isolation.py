"""Runs plain actors in child processes, if they ask for it: so what never looks can be stopped, too.

`@dramatiq.actor(isolated=True)`. The function is killed on cancel, on time-out, when its lease is lost and at
its memory limit; what it used is the attempt's. It has no `current_job()` and may send no messages: it gets
its arguments and returns its value.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, NoReturn

import dramatiq
from dramatiq.asyncio import async_to_sync
from dramatiq.broker import Broker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import MiddlewareError

from analysis_worker.runtime.child_process import PoolClosed
from analysis_worker.runtime.children import ChildPool
from common.broker import current_job
from common.broker.isolation import Isolation, is_isolated
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass

_LOCAL: Final = "<locals>"


class CannotBeIsolated(MiddlewareError):
    """An actor asks for a process of its own, and is none that a process could find and run."""


class IsolatedActors(Isolation):
    """Puts a call of a child process in the place of each isolated actor's function."""

    def __init__(self, children: ChildPool) -> None:
        self._children = children

    def before_declare_actor(self, broker: Broker, actor: dramatiq.Actor[Any, Any]) -> None:
        if not is_isolated(actor):
            return
        function = actor.fn
        if inspect.iscoroutinefunction(inspect.unwrap(function)):
            raise CannotBeIsolated(
                f"{actor.actor_name}: a coroutine is stopped as it is; leave `isolated` out"
            )
        if _LOCAL in function.__qualname__ or function.__module__ == "__main__":
            raise CannotBeIsolated(
                f"{actor.actor_name}: a process finds it by name: put it at the top of a module"
            )
        options = frozenset(broker.actor_options)
        actor.fn = async_to_sync(self._calls(Isolated(function.__module__, function.__qualname__, options)))

    def _calls(self, isolated: Isolated) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            job = current_job()
            if job is None:
                raise RuntimeError("this actor runs as a job of JobBroker only")
            try:
                async with self._children.hold(
                    1, lambda used: job.spend(used.cpu_s, used.peak_bytes)
                ) as lanes:
                    return await lanes[0].run(isolated, args, kwargs)
            except PoolClosed:
                job.snooze(0, "WORKER_STOPPED")

        return call


@dataclass(frozen=True, slots=True)
class Isolated:
    """A function by its name, to be found and called in a child process."""

    module: str
    qualname: str
    #: What actors of the module may be declared with.
    options: frozenset[str]

    @property
    def __name__(self) -> str:
        return self.qualname

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run in the child."""
        if not isinstance(dramatiq.broker.global_broker, Declared):
            dramatiq.set_broker(Declared(self.options))
        module = importlib.import_module(self.module)
        found: Any = reduce(getattr, self.qualname.split("."), module)
        return (found.fn if isinstance(found, dramatiq.Actor) else found)(*args, **kwargs)


class Declared(StubBroker):
    """What the actors of a module are declared on in a child process, which has no store."""

    def __init__(self, options: Iterable[str]) -> None:
        super().__init__(middleware=[])
        self.actor_options = set(options)

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> NoReturn:
        raise AttemptFailed(
            ErrorClass.BUG,
            "ISOLATED_ACTOR_SENDS",
            f"an isolated actor sends to {message.actor_name}",
            suggestion="return what is to be sent, and let an actor that is not isolated send it",
        )
