"""The register of queues, and the queue's own life: declared, read, flushed."""

from __future__ import annotations

from typing import Any

from common.store import keys
from common.store.keys import QueueKeys
from common.store.operation import Operation, script


def declare_queue(namespace: str, queue: str) -> Operation[int]:
    """Make a queue known to the monitor and to lists."""
    return Operation(script("declare"), (keys.queues(namespace),), (queue,), int)


def list_queues(namespace: str) -> Operation[list[str]]:
    """Read the names of all queues that were ever declared, sorted."""

    def read(reply: list[Any]) -> list[str]:
        return sorted(name.decode() for name in reply)

    return Operation(script("declared"), (keys.queues(namespace),), (), read)


def flush(queue_keys: QueueKeys) -> Operation[int]:
    """Remove up to 1,000 of a queue's jobs in any state. Returns how many are left."""
    return Operation(script("flush"), queue_keys.all(), (1_000,), int)
