"""Calls of BatchService. One that creates a batch of more jobs than a call may have makes several."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from bothsides.jobs import v1 as pb
from bothsides_client.call import Call, Pages, Steps, Wait, Watch, same
from bothsides_client.calls.bulk import BULK_LIMIT, BULK_LIMIT_BYTES
from bothsides_client.calls.jobs import new_request_id

BATCHES = "BatchService"
#: States that a batch leaves only by a retry.
FINAL_BATCH_STATES = frozenset({pb.Batch.SUCCEEDED, pb.Batch.FAILED, pb.Batch.CANCELLED})


def create_batch(
    jobs: Iterable[pb.Job] = (),
    *,
    conversation_ids: Sequence[str] = (),
    template: pb.Job | None = None,
    batch: pb.Batch | None = None,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Steps[pb.Batch]:
    """Create a batch of jobs, or of conversations to analyse alike; return it as it is then.

    More than 1,000 jobs, or 8 MiB, go in several calls: the batch is open until the last. If one fails, call
    again with the same request id; what was taken is not taken twice.

    Args:
        conversation_ids: In place of jobs.
        template: What is to be done with each of the conversations. Default: an analysis with nothing set.
        batch: Its input fields, such as `parallel_limit` and `max_cost_micro_usd`.
        request_id: Without one, calling again creates another batch.

    Raises ValueError for jobs and conversations together, or for neither; and with `validate_only` for more
    jobs than one call takes.
    """
    each = list(jobs)
    if bool(each) == bool(conversation_ids):
        raise ValueError("a batch has jobs or conversation_ids, and not both")
    if conversation_ids:
        named = pb.ConversationMembers(template=template, conversation_ids=conversation_ids)
        chunks = [pb.BatchMembers(conversations=named)]
    else:
        chunks = [pb.BatchMembers(jobs=pb.JobMembers(jobs=chunk)) for chunk in _chunks(each)]
    if validate_only and len(chunks) > 1:
        raise ValueError("only as many jobs can be estimated as one call takes: 1,000, and 8 MiB")
    return Steps(
        partial(_creating, chunks, batch or pb.Batch(), request_id or new_request_id(), validate_only)
    )


def add_batch_members(
    batch_id: str, members: pb.BatchMembers, *, last: bool = False, request_id: str | None = None
) -> Call[pb.Batch]:
    """Add members to a batch that is open; with `last`, close it."""
    request = pb.AddBatchMembersRequest(
        batch_id=batch_id, members=members, last=last, request_id=request_id or new_request_id()
    )
    return Call(BATCHES, "AddBatchMembers", request, same)


def get_batch(batch_id: str) -> Call[pb.Batch]:
    """Return the batch with its counts and costs."""
    return Call(BATCHES, "GetBatch", pb.GetBatchRequest(batch_id=batch_id), same)


def list_batches(filter: str = "", *, page_size: int = 0) -> Pages[pb.Batch]:  # noqa: A002 - the field's name
    """Yield the batches that match the AIP-160 filter, newest first, reading pages as they are needed."""
    request = pb.ListBatchesRequest(filter=filter, page_size=page_size)
    return Pages(Call(BATCHES, "ListBatches", request, same), lambda page: list(page.batches))


def cancel_batch(batch_id: str) -> Call[pb.Batch]:
    """Submit no more members, and cancel those that have not ended; repeating it is harmless."""
    return Call(BATCHES, "CancelBatch", pb.CancelBatchRequest(batch_id=batch_id), same)


def retry_batch(batch_id: str, *, include_cancelled: bool = False) -> Call[pb.Batch]:
    """Retry the members that failed or expired; and those that were cancelled, if asked."""
    request = pb.RetryBatchRequest(batch_id=batch_id, include_cancelled=include_cancelled)
    return Call(BATCHES, "RetryBatch", request, same)


def delete_batch(batch_id: str) -> Call[None]:
    """Remove a batch that has ended, with all its members."""
    return Call(BATCHES, "DeleteBatch", pb.DeleteBatchRequest(batch_id=batch_id), lambda _: None)


def watch_batch(batch_id: str, *, resume_token: str | None = None) -> Watch[pb.WatchBatchResponse]:
    """Yield the batch after each of its changes until it has ended, across lost connections."""
    return Watch(
        BATCHES,
        "WatchBatch",
        request=lambda token: pb.WatchBatchRequest(batch_id=batch_id, resume_token=token),
        token=lambda message: message.resume_token,
        is_last=lambda message: message.HasField("snapshot") and message.snapshot.state in FINAL_BATCH_STATES,
        read=lambda message: (message,),
        resume_token=resume_token or "",
    )


def wait_for_batch(batch_id: str, *, timeout_s: float | None = None) -> Wait[pb.Batch]:
    """Return the batch once it has ended, whatever became of it.

    Raises DeadlineExceeded when it has not within `timeout_s`; the batch goes on.
    """
    return Wait(watch_batch(batch_id), timeout_s, lambda message: message.snapshot)


def _creating(
    chunks: Sequence[pb.BatchMembers], batch: pb.Batch, request_id: str, validate_only: bool
) -> Generator[Call[Any], Any, pb.Batch]:
    asked = pb.Batch()
    asked.CopyFrom(batch)
    asked.open = batch.open or len(chunks) > 1
    first, *rest = chunks
    request = pb.CreateBatchRequest(
        batch=asked, members=first, request_id=request_id, validate_only=validate_only
    )
    created: pb.Batch = yield Call(BATCHES, "CreateBatch", request, same)
    for number, members in enumerate(rest, 1):
        last = number == len(rest) and not batch.open
        created = yield add_batch_members(
            created.batch_id, members, last=last, request_id=f"{request_id}-{number}"
        )
    return created


def _chunks(jobs: Sequence[pb.Job]) -> Iterator[list[pb.Job]]:
    chunk: list[pb.Job] = []
    size_bytes = 0
    for job in jobs:
        more_bytes = job.ByteSize() + 8  # with its tag and length
        if chunk and (len(chunk) == BULK_LIMIT or size_bytes + more_bytes > BULK_LIMIT_BYTES):
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append(job)
        size_bytes += more_bytes
    if chunk:
        yield chunk
