"""The actor option `isolated`: the function runs in a process of its own that can be killed.

The broker only knows of it. Who has such processes brings an `Isolation` along; a worker without one refuses
to start, since it could stop these actors as little as any other plain function.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import dramatiq
from dramatiq.broker import Broker
from dramatiq.middleware import Middleware, MiddlewareError

ISOLATED: Final = "isolated"


class NotIsolated(MiddlewareError):
    """An actor is declared as isolated, and nothing here could isolate it."""


class Isolation(Middleware):
    """Has actors with the option `isolated` run where they can be stopped."""


def is_isolated(actor: dramatiq.Actor[..., object]) -> bool:
    """Whether an actor asks for it."""
    return bool(actor.options.get(ISOLATED))


def refuse_unisolated(broker: Broker, served: Iterable[str]) -> None:
    """Check that what is declared as isolated in the queues `served` will be.

    Raises:
        NotIsolated: It would run in a thread instead.
    """
    if any(isinstance(middleware, Isolation) for middleware in broker.middleware):
        return
    queues = set(served)
    names = [
        actor.actor_name
        for actor in broker.actors.values()
        if is_isolated(actor) and actor.queue_name in queues
    ]
    if names:
        raise NotIsolated(
            f"isolated: this worker has no processes in which {', '.join(sorted(names))} could be killed;"
            " serve their module by `python -m analysis_worker` (WORKER_ACTOR_MODULES)"
        )
