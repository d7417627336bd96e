"""What is done in a queue to the members of a batch: a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from common.store.jobs.arguments import now_argument
from common.store.keys import QueueKeys
from common.store.operation import Operation
from common.store.scripts import script

#: Members that one script looks at.
PAGE: Final = 200
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


def drop_members(keys: QueueKeys, tenant: str, batch_id: str) -> Operation[int]:
    """Remove a page of members that are final; returns how many there were."""
    return Operation(script("batch_drop"), keys.all(), (tenant, batch_id, PAGE), int)


def count_running(keys: QueueKeys, batches: Sequence[tuple[str, str]]) -> Operation[list[int]]:
    """Count the members that run in a queue, of batches by tenant and id."""
    names = [f"{tenant}\t{batch_id}" for tenant, batch_id in batches]
    return Operation(script("batch_running"), keys.all(), (LEASES, *names), lambda reply: [*map(int, reply)])
