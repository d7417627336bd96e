"""Cancel, retry, update, delete: what an operator does with a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.job.states import JobState
from common.store.jobs.arguments import now_argument
from common.store.keys import QueueKeys
from common.store.operation import Argument, Operation
from common.store.packing import check_size, packed
from common.store.record import INDEX_SEPARATOR, PLACES
from common.store.scripts import script


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an operator's verb. `state` is None when there is no such job of the tenant."""

    done: bool
    state: JobState | None
    #: The job's revision, if that is why nothing was done.
    revision: int | None = None
    #: The file of the new message may be gone already: it is to be named and written anew.
    file_too_old: bool = False


def _verdict(reply: list[Any]) -> Verdict:
    code, detail = reply[0], reply[1].decode()
    if code == -2:
        return Verdict(False, None, int(detail))
    if code == -5:
        return Verdict(False, None, file_too_old=True)
    return Verdict(code == 1, JobState(detail) if code >= 0 else None)


def cancel(keys: QueueKeys, job_id: str, *, tenant: str, now_ms: int | None = None) -> Operation[Verdict]:
    """Stop a job; a running one is CANCELLING until its worker has stopped it."""
    arguments: list[Argument] = [now_argument(now_ms), job_id, tenant, keys.cancel_channel]
    return Operation(script("cancel"), keys.all(), arguments, _verdict)


def retry(
    keys: QueueKeys,
    job_id: str,
    *,
    tenant: str,
    payload: bytes = b"",
    message: bytes | None = None,
    now_ms: int | None = None,
) -> Operation[Verdict]:
    """Start a FAILED, CANCELLED or EXPIRED job anew; a `payload` replaces the old one, which is kept.

    Args:
        message: The payload as the script takes it; None has it packed here if it is large.

    Raises:
        InvalidField: The message is too large.
    """
    check_size(payload, "spec")
    spelled = packed(payload, tenant) if message is None else message
    arguments: list[Argument] = [now_argument(now_ms), job_id, tenant, spelled]
    return Operation(script("retry"), keys.all(), arguments, _verdict)


def update(
    keys: QueueKeys,
    job_id: str,
    changes: Mapping[str, str],
    *,
    tenant: str,
    index: Sequence[str] | None = None,
    revision: int | None = None,
    now_ms: int | None = None,
) -> Operation[Verdict]:
    """Change header fields (record.HEADER) of a job that waits.

    Args:
        changes: By field, as spelled in a header. "score" is the latest start for a deadline (ms) or "", and
            "schedule" the time (ms) from which it may run.
        index: Names of the job's indexes from now on; None leaves them.
        revision: That the job must have; the verdict names its own if it has another.
    """
    names = "=" if index is None else INDEX_SEPARATOR.join(index)
    arguments: list[Argument] = [
        now_argument(now_ms),
        job_id,
        tenant,
        "" if revision is None else revision,
        names,
    ]
    for field, value in changes.items():
        arguments += (PLACES[field], value)
    return Operation(script("update"), keys.all(), arguments, _verdict)


def delete(keys: QueueKeys, job_id: str, *, tenant: str) -> Operation[Verdict]:
    """Remove a final job and all that is kept of it; the verdict's state is the one that it was in."""
    return Operation(script("delete"), keys.all(), [job_id, tenant], _verdict)
