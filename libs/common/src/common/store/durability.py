"""What an acknowledged write has outlived before its caller hears of it, and how the server proves it.

WAITAOF waits for what its own connection has written. A write of its own goes before it: a script that is
repeated may find its work done and write nothing, and a connection that wrote nothing waits for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.errors import StoreUnavailable

Command = tuple[str | bytes | int | float, ...]
#: How long the server is given (ms). With `appendfsync everysec` its disk is written to once a second.
PROOF_MS: Final = 2_500


@dataclass(frozen=True, slots=True)
class Durability:
    """Where an accepted job must have been written to. Nothing asked for: the server's memory and its AOF."""

    #: On the disk of the server that took it (WAITAOF 1 ...).
    on_disk: bool = False
    #: On the disk of as many of its replicas (WAITAOF ... N).
    replicas: int = 0

    @property
    def waits(self) -> bool:
        """Whether a write waits for anything but its reply."""
        return self.on_disk or self.replicas > 0


#: The server's own rhythm: with `appendfsync everysec`, a crash of its host loses about the last second.
EVERYSEC: Final = Durability()


def proof(key: str, durability: Durability) -> tuple[Command, Command]:
    """Return what is sent after a write, over its connection, to learn that it lasts.

    Args:
        key: In the same slot; it is written to.
    """
    return ("SET", key, 1), ("WAITAOF", int(durability.on_disk), durability.replicas, PROOF_MS)


def proven(replies: Sequence[Any], durability: Durability) -> Any:
    """Return the reply to a write that has been proven to last, given it and those to its proof.

    Raises:
        Exception: The first of `replies` that is one.
        StoreUnavailable: It is written, but did not reach the disks in time.
    """
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    on_disk, replicas = replies[-1]
    if on_disk < durability.on_disk or replicas < durability.replicas:
        raise StoreUnavailable(
            "the request was taken, but is not on as many disks as it must be: repeat it with its request id"
        )
    return replies[0]
