"""What a job keeps for its later attempts: opaque bytes, gone with its success or with the job."""

from __future__ import annotations

from typing import Final

from common.store.keys import QueueKeys
from common.store.operation import Operation
from common.store.scripts import script

#: The largest checkpoint (bytes).
CHECKPOINT_BYTES: Final = 1_048_576


def keep_checkpoint(keys: QueueKeys, member: str, data: bytes) -> Operation[int]:
    """Keep a checkpoint of a leased job in place of its last. Returns LOST, HELD or STOP."""
    return Operation(script("checkpoint"), keys.all(), (member, data), int)


def read_checkpoint(keys: QueueKeys, job_id: str) -> Operation[bytes | None]:
    """Read the checkpoint that the job's attempts have left; None if there is none."""

    def read(reply: bytes | None) -> bytes | None:
        return reply

    return Operation(script("restore"), (keys.checkpoint(job_id),), (), read)
