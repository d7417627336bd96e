"""Get and list: reading jobs, without changing anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.job.model import Content, Job, Part
from common.store.keys import QueueKeys
from common.store.operation import Argument, Operation, script
from common.store.record import job_of, text_map


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job as it was at one position of its queue's event stream."""

    job: Job
    #: The last event already in `job`; "0-0" before the first.
    position: str
    #: Empty unless read in full, like the two below.
    payload: bytes = b""
    result: Content | None = None
    parts: tuple[Part, ...] = ()


def get(keys: QueueKeys, job_id: str, *, full: bool = False) -> Operation[Snapshot | None]:
    """Read one job; None if there is none."""

    def read(reply: list[Any]) -> Snapshot | None:
        position, record, payload, result, parts = reply
        if not record:
            return None
        named = {result[i]: result[i + 1] for i in range(0, len(result), 2)}
        content = Content(named[b"media"].decode(), named[b"data"]) if named else None
        kept = tuple(_part(parts[i], parts[i + 1]) for i in range(0, len(parts), 2))
        job = job_of(job_id, keys.queue, text_map(record))
        return Snapshot(job, position.decode(), payload, content, kept)

    return Operation(script("get"), keys.all(), [job_id, "1" if full else ""], read)


def _part(name: bytes, value: bytes) -> Part:
    header, _, data = value.partition(b"\n")
    attempt, at_ms, media_type = header.decode().split("\t")
    return Part(name.decode(), int(attempt), int(at_ms), Content(media_type, data))


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs of one queue, newest id first."""

    jobs: list[Job]
    #: The id to go on after; "" at the end.
    after: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A record field (record.py), one of = != < <= > >=, and a value."""

    field: str
    operator: str
    value: str


def list_jobs(
    keys: QueueKeys,
    *,
    conditions: Sequence[Condition] = (),
    after: str = "",
    want: int = 50,
    look: int = 2_000,
) -> Operation[Page]:
    """Read a page: at most `want` jobs that meet all conditions, of at most `look` looked at."""
    arguments: list[Argument] = [after, want, look]
    for condition in conditions:
        arguments += (condition.field, condition.operator, condition.value)

    def read(reply: list[Any]) -> Page:
        rows = range(1, len(reply), 2)
        return Page(
            [job_of(reply[i].decode(), keys.queue, text_map(reply[i + 1])) for i in rows], reply[0].decode()
        )

    return Operation(script("list"), keys.all(), arguments, read)
