"""Batches themselves: created, added to, read, cancelled, retried."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from common.job.batch import MAX_MEMBERS, Batch, BatchState, Counts, FailurePolicy, Halt, Terms
from common.job.model import JobRequest
from common.provider.budget import SpentPolicy
from common.store.jobs.arguments import blank_or, now_argument
from common.store.jobs.submitting import REQUEST_TTL_MS
from common.store.keys import batch_keys
from common.store.operation import Argument, Operation
from common.store.outbox import spelled
from common.store.record import INDEX_SEPARATOR, text_map
from common.store.scripts import script
from common.store.spelling import paid_of

#: Jobs of one entry of a plan, and bytes of their messages at most, unless one has more.
CHUNK_JOBS: Final = 100
CHUNK_BYTES: Final = 1024 * 1024
_NOTHING_PAID: Final = ",".join("0" * 9)


@dataclass(frozen=True, slots=True)
class Added:
    """The batch is stored, or has its new members."""

    batch_id: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same request was stored before, for this batch."""

    batch_id: str


@dataclass(frozen=True, slots=True)
class Reused:
    """The request id belongs to another request, for this batch."""

    batch_id: str


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such batch."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The batch takes no more members."""

    state: str


@dataclass(frozen=True, slots=True)
class TooMany:
    """The batch would have more members than one may; it has `members`."""

    members: int


AddedOrNot = Added | Repeated | Reused | Gone | Closed | TooMany


@dataclass(frozen=True, slots=True)
class BatchSnapshot:
    """A batch, and the position in the event stream at which it was so."""

    batch: Batch
    position: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Jobs of a plan that are submitted together."""

    requests: Sequence[JobRequest]

    def spell(self) -> bytes:
        return zlib.compress(spelled(self.requests), 1)


def chunks(requests: Sequence[JobRequest], *, parallel: int) -> list[Chunk]:
    """Divide the jobs of a plan; with a bound on how many are at once, each stands alone."""
    found: list[Chunk] = []
    taken: list[JobRequest] = []
    size = 0
    for request in requests:
        full = len(taken) >= (1 if parallel else CHUNK_JOBS) or size + len(request.payload) > CHUNK_BYTES
        if taken and full:
            found.append(Chunk(taken))
            taken, size = [], 0
        taken.append(request)
        size += len(request.payload)
    return [*found, Chunk(taken)] if taken else found


def create_batch(
    namespace: str,
    tenant: str,
    batch_id: str,
    terms: Terms,
    requests: Sequence[JobRequest],
    *,
    is_open: bool = False,
    request_id: str = "",
    digest: str = "",
    now_ms: int | None = None,
) -> Operation[AddedOrNot]:
    """Create a batch with its first members, which are submitted from there."""
    return _add(
        namespace,
        tenant,
        batch_id,
        _fields(terms),
        requests,
        terms.parallel,
        is_open,
        request_id,
        digest,
        now_ms,
    )


def add_members(
    namespace: str,
    tenant: str,
    batch_id: str,
    requests: Sequence[JobRequest],
    *,
    parallel: int,
    is_open: bool,
    request_id: str = "",
    digest: str = "",
    now_ms: int | None = None,
) -> Operation[AddedOrNot]:
    """Add members to a batch that is open, and close it unless it stays so."""
    return _add(namespace, tenant, batch_id, (), requests, parallel, is_open, request_id, digest, now_ms)


def _add(
    namespace: str,
    tenant: str,
    batch_id: str,
    fields: Sequence[Argument],
    requests: Sequence[JobRequest],
    parallel: int,
    is_open: bool,
    request_id: str,
    digest: str,
    now_ms: int | None,
) -> Operation[AddedOrNot]:
    entries = [chunk.spell() for chunk in chunks(requests, parallel=parallel)]
    queues = dict.fromkeys(request.queue for request in requests)
    arguments: list[Argument] = [
        now_argument(now_ms),
        tenant,
        batch_id,
        request_id,
        digest,
        REQUEST_TTL_MS,
        MAX_MEMBERS,
        "1" if fields else "",
        "1" if is_open else "",
        INDEX_SEPARATOR.join(queues),
        len(entries),
        *entries,
        len(fields),
        *fields,
        *(request.job_id for request in requests),
    ]
    keys = batch_keys(namespace)
    return Operation(script("batch_create"), keys.all(), arguments, _added, durable=keys.synced)


def _added(reply: list[Any]) -> AddedOrNot:
    code, told = int(reply[0]), reply[1].decode()
    match code:
        case 1:
            return Added(told)
        case 2:
            return Repeated(told)
        case -1:
            return Reused(told)
        case -2:
            return Gone()
        case -3:
            return Closed(told)
        case _:
            return TooMany(int(told))


def get_batch(namespace: str, tenant: str, batch_id: str) -> Operation[BatchSnapshot | None]:
    """Read a batch; None if there is none."""

    def read(reply: list[Any]) -> BatchSnapshot | None:
        position, record = reply
        return (
            BatchSnapshot(batch_of(batch_id, tenant, text_map(record)), position.decode()) if record else None
        )

    return Operation(script("batch_get"), batch_keys(namespace).all(), (tenant, batch_id), read)


def list_batches(namespace: str, tenant: str, *, after: str, want: int) -> Operation[list[Batch]]:
    """Read a page of a tenant's batches, the newest first, those below the id `after`."""

    def read(reply: list[Any]) -> list[Batch]:
        pairs = zip(reply[::2], reply[1::2], strict=True)
        return [batch_of(batch_id.decode(), tenant, text_map(record)) for batch_id, record in pairs if record]

    return Operation(script("batch_list"), batch_keys(namespace).all(), (tenant, after, want), read)


def halt_batch(
    namespace: str, tenant: str, batch_id: str, *, now_ms: int | None = None
) -> Operation[tuple[int, str]]:
    """Cancel a batch. Returns 1 if it is or was, 0 if it ended otherwise, -1: no batch; and its state."""
    arguments = (now_argument(now_ms), tenant, batch_id)
    return Operation(script("batch_halt"), batch_keys(namespace).all(), arguments, _verdict)


def delete_batch(
    namespace: str, tenant: str, batch_id: str, *, now_ms: int | None = None
) -> Operation[tuple[int, str]]:
    """Have a batch removed. Returns 1 if it is, 0 if it has not ended, -1: no batch; and its state."""
    arguments = (now_argument(now_ms), tenant, batch_id)
    return Operation(script("batch_delete"), batch_keys(namespace).all(), arguments, _verdict)


def retry_members(
    namespace: str, tenant: str, batch_id: str, letters: str, *, now_ms: int | None = None
) -> Operation[tuple[int, str]]:
    """Retry members that FAILED (F), EXPIRED (X) or were CANCELLED (C).

    Returns 1 and how many; 0 if there are none, -2 if it is being stopped, each with its state; -1: no batch.
    """
    keys = batch_keys(namespace)
    arguments = (now_argument(now_ms), tenant, batch_id, letters)
    return Operation(script("batch_again"), keys.all(), arguments, _verdict, durable=keys.synced)


def _verdict(reply: list[Any]) -> tuple[int, str]:
    return int(reply[0]), reply[1].decode()


def _fields(terms: Terms) -> list[Argument]:
    policy = terms.failures
    return [
        *("name", terms.display_name),
        *("labels", orjson.dumps(dict(terms.labels)) if terms.labels else ""),
        *("parallel", terms.parallel),
        *("tolerance", policy.tolerance),
        *("most_failed", blank_or(policy.most_failed)),
        *("on_failure", "STOP" if policy.stops else "GO_ON"),
        *("budget", terms.max_cost_micro_usd),
        *("when_spent", terms.when_spent.value),
        *("keep", terms.keep_ms),
    ]


def batch_of(batch_id: str, tenant: str, record: Mapping[str, str]) -> Batch:
    """Read a record."""
    failures = FailurePolicy(
        float(record["tolerance"]),
        int(record["most_failed"]) if record.get("most_failed") else None,
        record["on_failure"] == "STOP",
    )
    terms = Terms(
        record.get("name", ""),
        orjson.loads(record["labels"]) if record.get("labels") else {},
        int(record["parallel"]),
        failures,
        int(record["budget"]),
        SpentPolicy(record["when_spent"]),
        int(record["keep"]),
    )
    counts = Counts(*(int(record.get(place, 0)) for place in "WLSFCXA"))
    return Batch(
        batch_id=batch_id,
        tenant=tenant,
        state=BatchState(record["state"]),
        terms=terms,
        counts=counts,
        total=int(record["total"]),
        created_ms=int(record["created"]),
        updated_ms=int(record["updated"]),
        ended_ms=int(record["ended"]) if record.get("ended") else None,
        is_open=record.get("open") == "1",
        halt=Halt(record["halt"]) if record.get("halt") else None,
        held=record.get("held", ""),
        paid=paid_of(record.get("paid") or _NOTHING_PAID),
        queues=tuple(filter(None, record.get("queues", "").split(INDEX_SEPARATOR))),
        revision=int(record.get("revision", 0)),
    )
