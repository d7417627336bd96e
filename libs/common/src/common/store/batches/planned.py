"""The jobs of a batch that are not submitted yet: read, and forgotten."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from common.job.model import JobRequest
from common.store.batches.records import Chunk
from common.store.jobs.arguments import now_argument
from common.store.keys import batch_keys
from common.store.operation import Argument, Operation
from common.store.outbox import read_spelled
from common.store.scripts import script

#: Entries of one read.
ENTRIES: Final = 50


@dataclass(frozen=True, slots=True)
class Planned:
    """An entry of a plan."""

    entry: bytes = field(repr=False)
    requests: tuple[JobRequest, ...]


def read_plan(namespace: str, tenant: str, batch_id: str, *, skip: int) -> Operation[list[Planned]]:
    """Read a page of a plan, of ENTRIES, from its end: what is submitted meanwhile moves nothing."""

    def read(reply: list[Any]) -> list[Planned]:
        return [Planned(entry, tuple(read_spelled(zlib.decompress(entry)))) for entry in reply]

    arguments = (tenant, batch_id, skip, ENTRIES)
    return Operation(script("batch_plan"), batch_keys(namespace).all(), arguments, read)


def forget_planned(
    namespace: str,
    tenant: str,
    batch_id: str,
    planned: Planned,
    job_ids: Collection[str],
    *,
    now_ms: int | None = None,
) -> Operation[int]:
    """Take jobs out of an entry: they are never submitted, and count as cancelled. Returns how many."""
    rest = [request for request in planned.requests if request.job_id not in job_ids]
    arguments: list[Argument] = [
        now_argument(now_ms),
        tenant,
        batch_id,
        planned.entry,
        Chunk(rest).spell(),
        *job_ids,
    ]
    return Operation(script("batch_forget"), batch_keys(namespace).all(), arguments, int)
