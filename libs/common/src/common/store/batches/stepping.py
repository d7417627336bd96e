"""What is to be done for a batch, a step at a time: taken, done, noted, and the next one told."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from common.job.model import JobRequest
from common.store.batches.ends import names_of
from common.store.jobs.arguments import now_argument
from common.store.keys import batch_keys
from common.store.operation import Argument, Operation
from common.store.outbox import read_spelled
from common.store.record import INDEX_SEPARATOR
from common.store.scripts import script

#: Members of one step at most.
STEP_MEMBERS: Final = 100


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """Until it is due again."""


@dataclass(frozen=True, slots=True)
class Send:
    """Submit these jobs, which stand at this place of the plan."""

    place: int
    entries: int
    requests: tuple[JobRequest, ...]


@dataclass(frozen=True, slots=True)
class Again:
    """Retry these members: id, and what is kept of it."""

    members: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Cancel what waits in these queues; and what runs, too?"""

    running: bool
    queues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """Remove all members from these queues."""

    queues: tuple[str, ...]


Step: TypeAlias = NothingToDo | Send | Again | Stop | Drop


@dataclass(frozen=True, slots=True)
class Sent:
    """A member whose job a queue has now; or that none ever takes."""

    job_id: str
    taken: bool


@dataclass(frozen=True, slots=True)
class Retried:
    """A member that goes on; or that is gone."""

    job_id: str
    kept: str
    goes_on: bool


@dataclass(frozen=True, slots=True)
class Held:
    """Why a step could not be done, and when to try again."""

    why: str = field(repr=False)
    again_ms: int


def take_batches(namespace: str, *, most: int, now_ms: int | None = None) -> Operation[list[tuple[str, str]]]:
    """Take batches that are due, by tenant and id."""
    arguments = (now_argument(now_ms), most)
    return Operation(script("batch_take"), batch_keys(namespace).all(), arguments, names_of)


def look(namespace: str, tenant: str, batch_id: str, *, now_ms: int | None = None) -> Operation[Step]:
    """Say what is to be done first."""
    return _step(namespace, tenant, batch_id, now_ms, "")


def note_sent(
    namespace: str, tenant: str, batch_id: str, step: Send, sent: Sequence[Sent], *, now_ms: int | None = None
) -> Operation[Step]:
    """Note what became of the jobs of a step."""
    members = [word for each in sent for word in (each.job_id, "L" if each.taken else "F")]
    return _step(namespace, tenant, batch_id, now_ms, "sent", step.place, step.entries, *members)


def note_retried(
    namespace: str, tenant: str, batch_id: str, retried: Sequence[Retried], *, now_ms: int | None = None
) -> Operation[Step]:
    """Note what became of members that were retried."""
    members = [word for each in retried for word in (each.job_id, each.kept, "L" if each.goes_on else "F")]
    return _step(namespace, tenant, batch_id, now_ms, "again", *members)


def done_stopping(
    namespace: str, tenant: str, batch_id: str, *, now_ms: int | None = None
) -> Operation[Step]:
    """Note that what waited is cancelled."""
    return _step(namespace, tenant, batch_id, now_ms, "stopped")


def note_held(
    namespace: str, tenant: str, batch_id: str, held: Held, *, now_ms: int | None = None
) -> Operation[Step]:
    """Note that a step could not be done."""
    return _step(namespace, tenant, batch_id, now_ms, "held", held.why, held.again_ms)


def done_dropping(
    namespace: str, tenant: str, batch_id: str, *, now_ms: int | None = None
) -> Operation[Step]:
    """Remove the batch itself: its members have gone."""
    return _step(namespace, tenant, batch_id, now_ms, "dropped")


def _step(namespace: str, tenant: str, batch_id: str, now_ms: int | None, *done: Argument) -> Operation[Step]:
    arguments = (now_argument(now_ms), tenant, batch_id, STEP_MEMBERS, *done)
    return Operation(script("batch_step"), batch_keys(namespace).all(), arguments, _read)


def _read(reply: list[Any]) -> Step:
    kind, *told = reply
    match kind:
        case b"send":
            place, *entries = told
            requests = [request for entry in entries for request in read_spelled(zlib.decompress(entry))]
            return Send(int(place), len(entries), tuple(requests))
        case b"again":
            words = [word.decode() for word in told]
            return Again(tuple(zip(words[::2], words[1::2], strict=True)))
        case b"stop":
            return Stop(told[0] == b"1", _queues(told[1]))
        case b"drop":
            return Drop(_queues(told[0]))
        case _:
            return NothingToDo()


def _queues(spelled: bytes) -> tuple[str, ...]:
    return tuple(filter(None, spelled.decode().split(INDEX_SEPARATOR)))
