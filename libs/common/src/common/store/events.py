"""The event stream of a queue: what happened to which job, in order.

An entry packs the events of one script call, one a line, fields apart by tabs; lines hold no tab or
line feed of their own. The entry's field is the version, "1"; a part's bytes stand in field "data".

    S  id  at  attempt  state  error JSON or nothing  tenant
    P  id  at  attempt  progress JSON  tenant
    R  id  at  attempt  part  media type  tenant

`at` is empty when it is the line's before; `tenant` when it is the default one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from common.job.ids import JobId
from common.job.model import DEFAULT_TENANT, Content, JobError, Progress
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
    tenant: str = DEFAULT_TENANT


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
    content: Content
    tenant: str = DEFAULT_TENANT


Event = StateChanged | Progressed | PartMade


def events_of(entry: Mapping[bytes, bytes]) -> Iterator[Event]:
    """Read the events of one stream entry. Lines of an unknown kind, from a newer writer, are passed over."""
    last = 0
    for line in entry.get(_VERSION, b"").decode().split("\n"):
        kind, *fields = line.split("\t")
        if len(fields) > 1 and fields[1]:
            last = int(fields[1])
        match kind, fields:
            case "S", [job_id, _, attempt, state, error, *rest] if state in JobState.__members__:
                failure = error_of(error) if error else None
                yield StateChanged(
                    JobId(job_id), last, int(attempt), JobState(state), failure, _tenant_of(rest)
                )
            case "P", [job_id, _, attempt, report, *rest]:
                yield Progressed(JobId(job_id), last, int(attempt), progress_of(report), _tenant_of(rest))
            case "R", [job_id, _, attempt, name, media_type, *rest]:
                content = Content(media_type, entry[b"data"])
                yield PartMade(JobId(job_id), last, int(attempt), name, content, _tenant_of(rest))
            case _:
                continue


def _tenant_of(rest: list[str]) -> str:
    return (rest and rest[0]) or DEFAULT_TENANT
