"""Parts of results, read for a watch when it tells of them: the event stream only names them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from common.job.ids import JobId
from common.job.model import Part
from common.store.events import PartMade
from common.store.jobs import NoPart
from scheduler.watch.position import Position
from scheduler.watch.stream import PositionLost

#: Reads a part of a job by its name and the id of the entry that tells of it.
ReadPart = Callable[[str, str, str], Awaitable[Part | NoPart]]


@dataclass(frozen=True, slots=True)
class PartTold:
    """A part, as it was when it was made."""

    job_id: JobId
    part: Part


async def part_told(event: PartMade, position: Position, read: ReadPart) -> PartTold | None:
    """Return what a watch tells of a part that was made; None if its job has gone, and the part with it.

    Raises:
        PositionLost: Another version has taken its place, so long ago that it is not kept any more.
        StoreUnavailable: It could not be read.
    """
    if event.content is not None:
        part = Part(event.name, event.attempt, event.at_ms, event.content)
        return PartTold(event.job_id, part)
    match await read(event.job_id, event.name, position.entry_id):
        case Part() as part:
            return PartTold(event.job_id, part)
        case NoPart.GAVE_WAY:
            raise PositionLost
        case NoPart.NO_JOB:
            return None
