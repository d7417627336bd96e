"""Submits and retries with files: each is named, written, and only then sent; and anew if that took too long.

A sequence is written once, as a generator of steps: an operation of the store, or work for a thread. `drive`
takes the steps on the calling thread, `drive_async` on an event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from common.errors import FileStoreUnavailable, JobsError
from common.files.files import Files
from common.job.model import JobRequest
from common.store import jobs
from common.store.filed import Filed
from common.store.jobs import FileTooOld, Submitted, Verdict
from common.store.keys import QueueKeys
from common.store.operation import LoopRunner, Operation, SyncRunner
from common.store.packing import Apart, Packer, check_size

R = TypeVar("R")
Step: TypeAlias = "Operation[Any] | Callable[[], Any]"
Steps: TypeAlias = Generator[Step, Any, R]
#: A file is written anew so often: each time it took more than ten minutes.
_TRIES: Final = 3


def submitting(
    keys: QueueKeys, requests: Sequence[JobRequest], files: Files, *, is_cluster: bool
) -> Steps[list[Submitted | FileStoreUnavailable]]:
    """Accept jobs of one queue as `jobs.submitting` does, those with large arguments by files.

    Raises:
        InvalidField, StoreUnavailable: As `jobs.submitting`.
    """
    messages: list[bytes | Apart] = yield partial(_taken_apart, requests, files)
    inline = [at for at, message in enumerate(messages) if isinstance(message, bytes)]
    replies: dict[int, Submitted | FileStoreUnavailable] = {}
    if inline:
        told = yield from jobs.submitting(
            keys,
            [requests[at] for at in inline],
            messages=[messages[at] for at in inline],  # type: ignore[misc]
            is_cluster=is_cluster,
        )
        replies.update(zip(inline, told, strict=True))
    left = {at: message for at, message in enumerate(messages) if isinstance(message, Apart)}
    try:
        for _ in range(_TRIES):
            if not left:
                break
            filed = yield from _written(keys, list(left.values()), files)
            asked = [requests[at] for at in left]
            told = yield from jobs.submitting(keys, asked, messages=filed, is_cluster=is_cluster)
            replies.update(zip(left, told, strict=True))
            left = {at: apart for at, apart in left.items() if isinstance(replies[at], FileTooOld)}
    except FileStoreUnavailable as error:
        replies.update(dict.fromkeys(left, error))
    else:
        replies.update(dict.fromkeys(left, FileStoreUnavailable("too slow")))
    return [replies[at] for at in range(len(requests))]


def retrying(keys: QueueKeys, job_id: str, tenant: str, payload: bytes, files: Files) -> Steps[Verdict]:
    """Start a job anew as `jobs.retry` does, with a large `payload` by a file.

    Raises:
        InvalidField: The message is too large.
        FileStoreUnavailable: The file could not be written.
    """
    check_size(payload, "spec")
    apart: Apart | None = yield partial(Packer().take_apart, payload, tenant)
    if apart is None or not files.takes(apart):
        message = payload if apart is None else apart.packed
        return (yield jobs.retry(keys, job_id, tenant=tenant, message=message))  # type: ignore[no-any-return]
    for _ in range(_TRIES):
        [message] = yield from _written(keys, [apart], files)
        verdict: Verdict = yield jobs.retry(keys, job_id, tenant=tenant, message=message)
        if not verdict.file_too_old:
            return verdict
    raise FileStoreUnavailable("too slow")


def _taken_apart(requests: Sequence[JobRequest], files: Files) -> list[bytes | Apart]:
    packer = Packer()
    messages: list[bytes | Apart] = []
    for request in requests:
        check_size(request.payload, "spec")
        apart = packer.take_apart(request.payload, request.tenant)
        if apart is None:
            messages.append(request.payload)
        else:
            messages.append(apart if files.takes(apart) else apart.packed)
    return messages


def _written(keys: QueueKeys, aparts: Sequence[Apart], files: Files) -> Steps[list[bytes]]:
    """Have the files of messages; return the messages, filed."""
    small = {apart.digest: apart.small for apart in aparts}
    named: list[jobs.Named] = yield jobs.name_files(keys, list(small))
    for one in named:
        yield partial(files.write, keys, one.name, small[one.name.digest], look=one.is_held)
    made = {one.name.digest: one.name.made_ms for one in named}
    return [Filed.of(apart, made[apart.digest]).message for apart in aparts]


def drive(steps: Steps[R], runner: SyncRunner) -> R:
    """Take all steps on this thread."""
    try:
        step = next(steps)
        while True:
            try:
                done = runner.run(step) if isinstance(step, Operation) else step()
            except JobsError as error:
                step = steps.throw(error)
            else:
                step = steps.send(done)
    except StopIteration as end:
        result: R = end.value
        return result


async def drive_async(steps: Steps[R], runner: LoopRunner, files: Files) -> R:
    """Take all steps on an event loop, which waits for none of them."""
    try:
        step = next(steps)
        while True:
            try:
                done = await (runner.run(step) if isinstance(step, Operation) else files.soon(step))
            except JobsError as error:
                step = steps.throw(error)
            else:
                step = steps.send(done)
    except StopIteration as end:
        result: R = end.value
        return result
