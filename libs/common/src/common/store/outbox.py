"""The outbox of a queue: what ends of jobs cause elsewhere, written by the script that ends them.

An entry holds the jobs to submit, each with the id that it will have, so that whoever finds the entry may
submit them, and twice is once. It goes when all of them have been taken.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from common.job.ids import JobId
from common.job.model import DuplicatePolicy, JobRequest, RetryPolicy
from common.job.priority import Priority
from common.store.keys import QueueKeys
from common.store.operation import Operation
from common.store.scripts import script


@dataclass(frozen=True, slots=True)
class Entry:
    """What one job's end causes."""

    entry_id: str
    #: The lease member "id/attempt" whose end it was.
    member: str
    requests: list[JobRequest]


def read(keys: QueueKeys, most: int = 100) -> Operation[list[Entry]]:
    """Read the oldest entries."""

    def entries(reply: list[Any]) -> list[Entry]:
        return [_entry(entry_id, fields) for entry_id, fields in reply]

    return Operation(script("outbox"), (keys.outbox,), (most,), entries)


def remove(keys: QueueKeys, entry_ids: Sequence[str]) -> Operation[int]:
    """Remove entries whose jobs have all been taken. Returns how many were there."""
    return Operation(script("outbox_done"), (keys.outbox,), entry_ids, int)


def spelled(requests: Sequence[JobRequest]) -> bytes:
    """Spell jobs to submit as an entry's body."""
    return orjson.dumps([_spelled(request) for request in requests])


def read_spelled(body: bytes) -> list[JobRequest]:
    """Read what `spelled` spelled."""
    return [_request(item) for item in orjson.loads(body)]


def _spelled(request: JobRequest) -> dict[str, Any]:
    body = {field.name: getattr(request, field.name) for field in dataclasses.fields(request)}
    body["payload"] = base64.b64encode(request.payload).decode()
    body["labels"] = dict(request.labels)
    return body


def _entry(entry_id: bytes, fields: list[bytes]) -> Entry:
    named = {fields[i]: fields[i + 1] for i in range(0, len(fields), 2)}
    return Entry(entry_id.decode(), named[b"job"].decode(), read_spelled(named[b"put"]))


def _request(body: dict[str, Any]) -> JobRequest:
    known = {field.name for field in dataclasses.fields(JobRequest)}
    values = {name: value for name, value in body.items() if name in known}
    values["job_id"] = JobId(values["job_id"])
    values["payload"] = base64.b64decode(values["payload"])
    values["priority"] = Priority(values["priority"])
    values["retry"] = RetryPolicy(**values["retry"])
    values["duplicate_policy"] = DuplicatePolicy(values["duplicate_policy"])
    return JobRequest(**values)
