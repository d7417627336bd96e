"""Jobs that are newer than this worker, as in a rolling deploy: they wait for another, unspent."""

from __future__ import annotations

from typing import Any, Final

import dramatiq
from dramatiq.message import Message

from common.job.outcome import Release
from common.store.jobs import Lease

#: Says in a message which version of its actor's arguments it holds; absent for the first.
SPEC_VERSION: Final = "spec_version"
#: A job that this worker cannot run waits this long (ms) for another; twice as long each time, up to a most.
DELAY_MS: Final = 5_000
DELAY_MAX_MS: Final = 60_000


def left_to_others(lease: Lease, reason: str) -> Release:
    """Return the outcome of a job that another worker may know."""
    released = lease.attempt - 1 - lease.spent - lease.lost
    return Release(min(DELAY_MAX_MS, DELAY_MS * 2 ** max(0, min(released, 10))), reason)


def stamped(message: Message[Any], actor: dramatiq.Actor[Any, Any] | None) -> Message[Any]:
    """Return a message that says which version of its actor's arguments it holds."""
    if actor is None or SPEC_VERSION in message.options or _known(actor) == 1:
        return message
    return message.copy(options={SPEC_VERSION: _known(actor)})


def is_newer(options: dict[str, Any], actor: dramatiq.Actor[Any, Any] | None) -> bool:
    """Say whether a message with these options holds arguments of a version that `actor` does not know."""
    version = options.get(SPEC_VERSION, 1)
    return actor is not None and isinstance(version, int) and version > _known(actor)


def _known(actor: dramatiq.Actor[Any, Any]) -> int:
    version = actor.options.get(SPEC_VERSION)
    return version if isinstance(version, int) else 1
