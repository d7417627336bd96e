"""From batches of events to what a watch of many jobs tells: judged, with records read where they decide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from common.job.ids import JobId
from common.store.events import Deleted, Event, PartMade, Progressed, StateChanged, Updated
from common.store.jobs import Snapshot
from scheduler.jobs import size_of
from scheduler.watch.batch import Batch
from scheduler.watch.course import Course
from scheduler.watch.facts import Facts, Known
from scheduler.watch.judge import Verdict
from scheduler.watch.packet import Removed, Told
from scheduler.watch.parts import ReadPart, part_told

#: Jobs that are read whole at once, and wait in memory to be told.
WHOLE_AT_ONCE: Final = 16
#: What an event without a part takes up, about.
_EVENT_BYTES: Final = 100


@dataclass(slots=True)
class Line:
    """One event, on its way to be told."""

    course: Course
    batch: Batch
    number: int
    event: Event
    verdict: Verdict


class Teller:
    """Tells of the jobs of one tenant.

    Args:
        read_whole: Returns snapshots of the given jobs, without those that have gone.
        read_part: Reads a part that an event names.
        full: Parts as they are made, and the job with its result when it has ended.
    """

    def __init__(
        self,
        facts: Facts,
        read_whole: Callable[[Sequence[str]], Awaitable[Sequence[Snapshot]]],
        read_part: ReadPart,
        tenant: str,
        *,
        full: bool,
    ) -> None:
        self._facts = facts
        self._read_whole = read_whole
        self._read_part = read_part
        self._tenant = tenant
        self._full = full

    async def lines(self, batches: Iterable[tuple[Course, Batch]]) -> list[Line]:
        """Return what is to be told of some batches, in order; of each job's progress only the newest.

        Raises:
            UnreadableEntry: A batch does not follow the format.
            StoreUnavailable: A record could not be read.
        """
        lines: list[Line] = []
        unread: defaultdict[str, set[str]] = defaultdict(set)
        for course, batch in batches:
            is_open = course.judge.is_open
            for number, event in course.fresh(batch):
                if event.tenant != self._tenant or (isinstance(event, PartMade) and not self._full):
                    continue
                if is_open and isinstance(event, StateChanged):  # nearly all, in a watch of a queue
                    lines.append(Line(course, batch, number, event, Verdict.TELL))
                    continue
                verdict = self._verdict(course, event, None)
                if verdict is Verdict.READ:
                    facts = self._facts.of(event.job_id)
                    if facts is not None:
                        verdict = self._verdict(course, event, facts)
                    else:
                        unread[course.queue].add(event.job_id)
                if verdict is not Verdict.PASS:
                    lines.append(Line(course, batch, number, event, verdict))
        if unread:
            await self._decide(lines, unread)
        return [line for line in _newest(lines) if line.verdict is not Verdict.PASS]

    def changes(self, batches: Iterable[tuple[Course, Batch]], most: int) -> list[Told] | None:
        """Return what some batches tell, if that is only changes, told as they are, and at most so many.

        Raises:
            UnreadableEntry: A batch does not follow the format.
        """
        if self._full:
            return None
        changes: list[Told] = []
        for course, batch in batches:
            if not course.judge.is_open:
                return None
            for _, event in course.fresh(batch):
                if type(event) is not StateChanged or event.tenant != self._tenant:
                    return None
                changes.append(event)
        return changes if len(changes) <= most else None

    def plainly(self, lines: Sequence[Line]) -> list[Told] | None:
        """Return what the lines tell; None if a job has to be read for that, or they may be large."""
        if self._full or any(isinstance(line.event, Updated) for line in lines):
            return None
        # Who is told no job whole is told no parts either.
        return [_plain(line.verdict, line.event) for line in lines if not isinstance(line.event, PartMade)]

    async def told(self, lines: Sequence[Line]) -> AsyncIterator[tuple[Line, list[Told], int]]:
        """Yield each line with what it tells and about how many bytes that is.

        Raises:
            PositionLost: A part is not kept any more.
        """
        whole: dict[JobId, Snapshot] = {}
        wanted = [line.event.job_id for line in lines if self._is_whole(line)]
        for line in lines:
            event = line.event
            if isinstance(event, PartMade):
                part = await part_told(event, line.batch.position, self._read_part)
                if part is not None:
                    yield line, [part], _EVENT_BYTES + len(part.part.content.data)
                continue
            if not self._is_whole(line):
                yield line, [_plain(line.verdict, event)], _EVENT_BYTES
                continue
            if event.job_id not in whole:
                whole = await self._whole(wanted[:WHOLE_AT_ONCE])
            wanted.pop(0)
            told: list[Told] = [event] if isinstance(event, StateChanged) else []
            snapshot = whole.get(event.job_id)
            if snapshot is not None:
                told.append(snapshot)
            yield line, told, _EVENT_BYTES + (0 if snapshot is None else size_of(snapshot))

    def _is_whole(self, line: Line) -> bool:
        """Whether the job itself is told."""
        if line.verdict is not Verdict.TELL:
            return False
        event = line.event
        return isinstance(event, Updated) or (
            self._full and isinstance(event, StateChanged) and event.state.is_final
        )

    async def _whole(self, job_ids: Sequence[JobId]) -> dict[JobId, Snapshot]:
        snapshots = await self._read_whole(list(dict.fromkeys(job_ids)))
        return {snapshot.job.job_id: snapshot for snapshot in snapshots}

    def _verdict(self, course: Course, event: Event, facts: Known | None) -> Verdict:
        match event:
            case Updated():
                return course.judge.of_update(facts)
            case Deleted():
                return course.judge.of_deletion(self._facts.of(event.job_id))
            case _:
                return course.judge.of(event, facts)

    async def _decide(self, lines: Sequence[Line], unread: dict[str, set[str]]) -> None:
        """Read the records of jobs, and judge again what depended on them. What has gone is no matter."""
        found: dict[str, Known] = {}
        for queue, job_ids in unread.items():
            found |= await self._facts.read(queue, job_ids)
        for line in lines:
            if line.verdict is Verdict.READ:
                facts = found.get(line.event.job_id)
                line.verdict = (
                    Verdict.PASS if facts is None else self._verdict(line.course, line.event, facts)
                )


def _newest(lines: list[Line]) -> Iterable[Line]:
    """Leave out progress that is followed by newer progress of its job."""
    newest = {line.event.job_id: line for line in lines if isinstance(line.event, Progressed)}
    if not newest:
        return lines
    return (
        line for line in lines if not isinstance(line.event, Progressed) or newest[line.event.job_id] is line
    )


def _plain(verdict: Verdict, event: StateChanged | Progressed | Updated | Deleted) -> Told:
    if verdict is Verdict.REMOVE or isinstance(event, Updated | Deleted):
        return Removed(event.job_id, event.at_ms)
    return event
