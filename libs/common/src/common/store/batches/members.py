"""What is done in a queue to the members of a batch: a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from common.store.jobs.arguments import now_argument
from common.store.keys import QueueKeys
from common.store.operation import Operation
from common.store.scripts import script

#: Members that one script changes: a few milliseconds of the server.
PAGE: Final = 50
#: Leases that are looked at to count the members that run.
LEASES: Final = 10_000


def stop_members(
    keys: QueueKeys, tenant: str, batch_id: str, *, after: str, running: bool, now_ms: int | None = None
) -> Operation[str]:
    """Cancel a page of members that wait, and with `running` those that run, too.

    Returns the id after which to go on; "" at the end.
    """
    arguments = (
        now_argument(now_ms),
        tenant,
        batch_id,
        after,
        PAGE,
        "1" if running else "",
        keys.cancel_channel,
    )
    return Operation(script("batch_stop"), keys.all(), arguments, lambda reply: reply.decode())


def retry_each(
    keys: QueueKeys, tenant: str, job_ids: Sequence[str], *, now_ms: int | None = None
) -> Operation[list[bool]]:
    """Start members anew, as far as their states allow it. Returns of each whether it is there."""
    arguments = (now_argument(now_ms), tenant, *job_ids)

    def read(reply: list[int]) -> list[bool]:
        return [code >= 0 for code in reply]

    return Operation(script("batch_retry"), keys.all(), arguments, read, durable=keys.synced)


def drop_members(keys: QueueKeys, tenant: str, batch_id: str) -> Operation[int]:
    """Remove a page of members that are final; returns how many there were."""
    return Operation(script("batch_drop"), keys.all(), (tenant, batch_id, PAGE), int)


def count_running(keys: QueueKeys, batches: Sequence[tuple[str, str]]) -> Operation[list[int]]:
    """Count the members that run in a queue, of batches by tenant and id."""
    names = [f"{tenant}\t{batch_id}" for tenant, batch_id in batches]
    return Operation(script("batch_running"), keys.all(), (LEASES, *names), lambda reply: [*map(int, reply)])
