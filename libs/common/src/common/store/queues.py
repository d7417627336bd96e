"""The register of queues, and the queue's own life: declared, read, flushed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.store import keys
from common.store.jobs.submitting import REQUEST_TTL_MS
from common.store.keys import QueueKeys
from common.store.operation import Operation
from common.store.scripts import script


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did."""

    #: The time until something is due (ms); None: nothing waits for a time.
    wait_ms: int | None
    removed: int
    #: A budget for memory is not kept yet: sweep again at once.
    more: bool
    #: Batches are to hear of members, see batches/ends.py.
    told: bool = False
    #: Accounts of attempts are to be settled, see jobs/accounts.py.
    accounts: bool = False


def declare_queue(namespace: str, queue: str) -> Operation[int]:
    """Make a queue known to the monitor and to lists."""
    return Operation(script("declare"), (keys.queues(namespace),), (queue,), int)


def list_queues(namespace: str) -> Operation[list[str]]:
    """Read the names of all queues that were ever declared, sorted."""

    def read(reply: list[Any]) -> list[str]:
        return sorted(name.decode() for name in reply)

    return Operation(script("declared"), (keys.queues(namespace),), (), read)


def flush(queue_keys: QueueKeys) -> Operation[int]:
    """Remove up to 1,000 of a queue's jobs in any state. Returns 1 if some are left, else 0."""
    return Operation(script("flush"), queue_keys.all(), (1_000,), int)


def sweep(queue_keys: QueueKeys, *, shed: int = 0, now_ms: int | None = None) -> Operation[Swept]:
    """Do what time alone brings about: promote, expire, take back, remove what is old.

    Args:
        shed: SUCCEEDED jobs to remove before their time, as the server's memory is short; the last 100 stay,
            or fewer if the queue is set to keep fewer.
    """

    def read(reply: list[Any]) -> Swept:
        wait_ms, removed, more, told, accounts = map(int, reply)
        left = None if wait_ms < 0 else wait_ms
        return Swept(left, removed, more == 1, told == 1, accounts == 1)

    arguments = ("" if now_ms is None else now_ms, shed, REQUEST_TTL_MS)
    return Operation(script("sweep"), queue_keys.all(), arguments, read, beside=queue_keys.claims)
