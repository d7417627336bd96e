"""The event stream of a queue: what happened to which job, in order.

An entry packs the events of one script call, one a line, fields apart by tabs; lines hold no tab or
line feed of their own. The entry's field is the version, "1"; a part's bytes stand in field "data".

    S  id  at  attempt  state  error JSON or nothing
    P  id  at  attempt  progress JSON
    R  id  at  attempt  part  media type
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from common.job.ids import JobId
from common.job.model import Content, JobError, Progress
from common.job.states import JobState
from common.store.record import error_of, progress_of

_VERSION: Final = b"1"


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A job moved."""

    job_id: JobId
    at_ms: int
    attempt: int
    state: JobState
    error: JobError | None


@dataclass(frozen=True, slots=True)
class Progressed:
    """An attempt came further."""

    job_id: JobId
    at_ms: int
    attempt: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class PartMade:
    """An attempt finished a part of its result."""

    job_id: JobId
    at_ms: int
    attempt: int
    name: str
    content: Content


Event = StateChanged | Progressed | PartMade


def events_of(entry: Mapping[bytes, bytes]) -> Iterator[Event]:
    """Read the events of one stream entry. Lines of an unknown kind, from a newer writer, are passed over."""
    for line in entry.get(_VERSION, b"").decode().split("\n"):
        kind, _, rest = line.partition("\t")
        fields = rest.split("\t")
        match kind, fields:
            case "S", [job_id, at, attempt, state, error, *_]:
                failure = error_of(error) if error else None
                yield StateChanged(JobId(job_id), int(at), int(attempt), JobState(state), failure)
            case "P", [job_id, at, attempt, report, *_]:
                yield Progressed(JobId(job_id), int(at), int(attempt), progress_of(report))
            case "R", [job_id, at, attempt, name, media_type, *_]:
                content = Content(media_type, entry[b"data"])
                yield PartMade(JobId(job_id), int(at), int(attempt), name, content)
            case _:
                continue
