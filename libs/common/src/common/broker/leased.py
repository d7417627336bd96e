"""What stands in a lease: its message, and how many messages a worker can hold at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dramatiq.errors import DecodeError
from dramatiq.message import Message

from common.broker.message import decoded
from common.job.model import ErrorClass, JobError
from common.store.filed import Filed, filed_of
from common.store.jobs import Lease
from common.store.packing import Packer, unpacked, unpacked_bytes

#: What large messages may take, together, of jobs that are leased ahead of the threads (bytes).
AHEAD_BYTES: Final = 32 * 1024 * 1024


def message_of(lease: Lease, queue: str, payload: bytes | None = None) -> Message[Any] | None:
    """Return the message of a job of `queue`, its options as middleware expects them; None if unreadable.

    Args:
        payload: The message as it was before it was filed; None for one that is not.
    """
    try:
        message = decoded(unpacked(lease.payload) if payload is None else payload)
        if not isinstance(message.actor_name, str) or not isinstance(message.kwargs, dict):
            raise TypeError("this is no message")
        _add_what_the_store_knows(message.options, lease)
    except (DecodeError, TypeError):
        return None
    return message if message.queue_name == queue else message.copy(queue_name=queue)


def packed_again(payload: bytes, lease: Lease) -> bytes:
    """Return the message of a job's next attempt as a script takes it; the same arguments keep their file."""
    apart = Packer().take_apart(payload, lease.tenant)
    if apart is None:
        return payload
    filed = filed_of(lease.payload)
    if filed is not None and filed.name.digest == apart.digest:
        return Filed.of(apart, filed.name.made_ms).message
    return apart.packed


def room_for(leases: Sequence[Lease], threads: int) -> int:
    """Return how many messages may be unpacked: one for each thread, and what is small beside them.

    What is shared takes little in the store and on its way, and all of it in each job here.
    """
    held = 0
    for place, lease in enumerate(leases):
        held += unpacked_bytes(lease.payload) if lease.version > 1 else 0
        if held > AHEAD_BYTES and place >= threads:
            return place
    return len(leases)


def undecodable(lease: Lease) -> JobError:
    """Return the error of a job whose message cannot be read."""
    return JobError(
        ErrorClass.BUG,
        "UNDECODABLE_MESSAGE",
        f"the stored message of {len(lease.payload)} bytes cannot be decoded",
        "check that producers and workers use the same Dramatiq encoder",
        lease.attempt,
    )


def _add_what_the_store_knows(options: dict[str, Any], lease: Lease) -> None:
    """Set a message's options as middleware expects them, `retries` above all."""
    if not isinstance(options, dict):
        raise TypeError("this is no message")
    options["job_id"] = lease.job_id
    # The store has kept it until then; Dramatiq would wait once more, and send it as another job.
    options.pop("eta", None)
    if lease.spent:
        options["retries"] = lease.spent
    else:
        options.pop("retries", None)
