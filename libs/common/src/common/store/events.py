"""The event stream of a queue: what happened to which job, in order.

An entry packs the events of one script call, one a line, fields apart by tabs; lines hold no tab or
line feed of their own. The entry's field is the version, "1". Nothing that a job has made stands here, so
that it goes with the job: of a part the entry's id says which version of it this was, see jobs/parts.py.

    S  id  at  attempt  state  error JSON or nothing  tenant  state before
    P  id  at  attempt  progress JSON  tenant
    M  id  at  attempt  part  media type  tenant        the only line of its entry
    R  id  at  attempt  part  media type  tenant        of an older version: the part in field "data"
    U  id  at  attempt  tenant        what may be changed of a job that waits was changed
    D  id  at  attempt  tenant        the job was removed on request

`at` is empty when it is the line's before; `tenant` when it is the default one. The state before is a letter,
as in _BEFORE, "-" of a new job; a line of an older version has none. A line that is an id alone says of
another job what the last S said, at the time of the line before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from common.job.ids import JobId
from common.job.model import DEFAULT_TENANT, Content, JobError, Progress
from common.job.states import JobState
from common.job.values import made_quickly
from common.store.spelling import error_of, progress_of

_VERSION: Final = b"1"


@made_quickly
@dataclass(frozen=True, slots=True)
class StateChanged:
    """A job moved."""

    job_id: JobId
    at_ms: int
    attempt: int
    state: JobState
    error: JobError | None
    tenant: str = DEFAULT_TENANT
    #: The states that the job may have come from, none if it is new; None if that is not known.
    before: frozenset[JobState] | None = None


@dataclass(frozen=True, slots=True)
class Progressed:
    """An attempt came further."""

    job_id: JobId
    at_ms: int
    attempt: int
    progress: Progress
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class PartMade:
    """An attempt finished a part of its result."""

    job_id: JobId
    at_ms: int
    attempt: int
    name: str
    tenant: str = DEFAULT_TENANT
    #: Only in an event that an older version has written; else it stands with the job.
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Updated:
    """A job was changed: its record tells how."""

    job_id: JobId
    at_ms: int
    attempt: int
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class Deleted:
    """A job was removed on request."""

    job_id: JobId
    at_ms: int
    attempt: int
    tenant: str = DEFAULT_TENANT


#: All of a change but its job and its time.
_Said: TypeAlias = tuple[int, JobState, JobError | None, str, frozenset[JobState] | None]
_NOTHING: Final[_Said] = (0, JobState.PENDING, None, "", None)

Event = StateChanged | Progressed | PartMade | Updated | Deleted
#: By how an event's line spells them: a look into a table costs a tenth of JobState(...).
_STATES: Final[Mapping[str, JobState]] = {state.value: state for state in JobState}
#: By how an event's line spells the state before.
_BEFORE: Final[Mapping[str, frozenset[JobState]]] = {
    "-": frozenset(),
    "H": frozenset({JobState.SCHEDULED}),
    "P": frozenset({JobState.PENDING}),
    "R": frozenset({JobState.RUNNING}),
    "T": frozenset({JobState.RETRYING}),
    "K": frozenset({JobState.CANCELLING}),
    "F": frozenset({JobState.FAILED}),
    "C": frozenset({JobState.CANCELLED}),
    "X": frozenset({JobState.EXPIRED}),
}


def events_of(entry: Mapping[bytes, bytes]) -> Iterator[Event]:
    """Read the events of one stream entry. Lines of an unknown kind, from a newer writer, are passed over.

    A change to a state that is not known here is told as an update.
    """
    last = 0
    #: What follows the id in a line like the last one, and what that said.
    alike, said = "", _NOTHING
    newer: Updated | None = None
    for line in entry.get(_VERSION, b"").decode().split("\n"):
        # Nearly all lines tell of a change, and a scheduler reads tens of thousands a second: of those that
        # differ from the line before by their ids, no more is read.
        kind, more, told = line.partition("\t")
        if not more:
            if kind and said is not _NOTHING:
                yield StateChanged(JobId(kind), last, *said)
            elif kind and newer is not None:
                yield Updated(JobId(kind), last, newer.attempt, newer.tenant)
            continue
        job_id, _, told = told.partition("\t")
        if told == alike and kind == "S" and said is not _NOTHING:
            yield StateChanged(JobId(job_id), last, *said)
            continue
        fields = line.split("\t")
        if len(fields) > 2 and fields[2]:
            last = int(fields[2])
        if kind == "S" and len(fields) >= 6:
            change = _change_of(fields, last)
            yield change
            if isinstance(change, StateChanged):
                alike, said = told[len(fields[2]) :], _said(change)
            else:
                said, newer = _NOTHING, change
            continue
        match fields:
            case ["P", job_id, _, attempt, report, *rest]:
                yield Progressed(JobId(job_id), last, int(attempt), progress_of(report), _tenant_of(rest))
            case ["M", job_id, _, attempt, name, _, *rest]:
                yield PartMade(JobId(job_id), last, int(attempt), name, _tenant_of(rest))
            case ["R", job_id, _, attempt, name, media_type, *rest]:
                content = Content(media_type, entry[b"data"])
                yield PartMade(JobId(job_id), last, int(attempt), name, _tenant_of(rest), content)
            case ["U", job_id, _, attempt, *rest]:
                yield Updated(JobId(job_id), last, int(attempt), _tenant_of(rest))
            case ["D", job_id, _, attempt, *rest]:
                yield Deleted(JobId(job_id), last, int(attempt), _tenant_of(rest))
            case _:
                continue


def _change_of(fields: list[str], at_ms: int) -> StateChanged | Updated:
    job_id, attempt, error = JobId(fields[1]), int(fields[3]), fields[5]
    tenant = (len(fields) > 6 and fields[6]) or DEFAULT_TENANT
    state = _STATES.get(fields[4])
    if state is None:  # of a newer version
        return Updated(job_id, at_ms, attempt, tenant)
    before = _BEFORE.get(fields[7]) if len(fields) > 7 else None
    return StateChanged(job_id, at_ms, attempt, state, error_of(error) if error else None, tenant, before)


def _said(change: StateChanged) -> _Said:
    return change.attempt, change.state, change.error, change.tenant, change.before


def _tenant_of(rest: list[str]) -> str:
    return (rest and rest[0]) or DEFAULT_TENANT
