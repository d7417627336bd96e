"""Cancel and retry: what an operator does with a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.job.states import JobState
from common.store.jobs.arguments import now_argument
from common.store.keys import QueueKeys
from common.store.operation import Argument, Operation, script


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an operator's verb. `state` is None when there is no such job of the tenant."""

    done: bool
    state: JobState | None


def _verdict(reply: list[Any]) -> Verdict:
    return Verdict(reply[0] == 1, JobState(reply[1].decode()) if reply[0] >= 0 else None)


def cancel(keys: QueueKeys, job_id: str, *, tenant: str, now_ms: int | None = None) -> Operation[Verdict]:
    """Stop a job; a running one is CANCELLING until its worker has stopped it."""
    arguments: list[Argument] = [now_argument(now_ms), job_id, tenant, keys.cancel_channel]
    return Operation(script("cancel"), keys.all(), arguments, _verdict)


def retry(keys: QueueKeys, job_id: str, *, tenant: str, now_ms: int | None = None) -> Operation[Verdict]:
    """Start a FAILED, CANCELLED or EXPIRED job anew."""
    return Operation(script("retry"), keys.all(), [now_argument(now_ms), job_id, tenant], _verdict)
