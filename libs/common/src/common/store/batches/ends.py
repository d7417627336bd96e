"""What batches are to hear of members: read in a queue, noted with the batches, removed from the queue.

A line of an entry is a move of one member, fields apart by tabs: tenant, batch, job id, number of the move,
state, and what the job has paid by now, or nothing. PENDING says that it was retried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.store.jobs.arguments import now_argument
from common.store.keys import QueueKeys, batch_keys
from common.store.operation import Argument, Operation
from common.store.scripts import script

#: Entries of one read; each holds what one script did, most often a few moves.
READ_ENTRIES: Final = 64
#: How long nobody else reads a queue's after one has (ms).
READER_MS: Final = 3_000


@dataclass(frozen=True, slots=True)
class Move:
    """What became of one member."""

    tenant: str
    batch_id: str
    job_id: str
    #: A later move of the same job has a higher one.
    number: int
    #: SUCCEEDED, FAILED, CANCELLED or EXPIRED; PENDING: it was retried.
    state: str
    #: What its attempts paid by now, as its record spells it.
    paid: str = ""


@dataclass(frozen=True, slots=True)
class TakenMoves:
    """What was read; another reads if it is not `mine`."""

    mine: bool
    entry_ids: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()


def take_moves(keys: QueueKeys, reader: str) -> Operation[TakenMoves]:
    """Read the oldest moves of a queue's members."""

    def read(reply: list[Any]) -> TakenMoves:
        mine, entries = reply
        moves = [move for _, fields in entries for move in _moves(fields)]
        return TakenMoves(mine == 1, tuple(entry_id.decode() for entry_id, _ in entries), tuple(moves))

    return Operation(
        script("ends_take"), (keys.ends, keys.ends_reader), (reader, READER_MS, READ_ENTRIES), read
    )


def moves_done(keys: QueueKeys, entry_ids: Sequence[str]) -> Operation[int]:
    """Remove entries whose moves were noted."""
    return Operation(script("ends_done"), (keys.ends,), entry_ids, int)


def apply_moves(
    namespace: str, moves: Sequence[Move], *, now_ms: int | None = None
) -> Operation[list[tuple[str, str]]]:
    """Note moves with their batches; repeatable. Returns tenants and ids of those that need a step now."""
    arguments: list[Argument] = [now_argument(now_ms)]
    for move in moves:
        arguments += (move.tenant, move.batch_id, move.job_id, move.number, move.state, move.paid)
    return Operation(script("batch_apply"), batch_keys(namespace).all(), arguments, names_of)


def names_of(reply: list[bytes]) -> list[tuple[str, str]]:
    """Read tenants and batch ids."""
    pairs = [name.decode().partition("\t") for name in reply]
    return [(tenant, batch_id) for tenant, _, batch_id in pairs]


def _moves(fields: list[bytes]) -> list[Move]:
    lines = dict(zip(fields[::2], fields[1::2], strict=True)).get(b"1", b"").decode().split("\n")
    moves = []
    for line in lines:
        tenant, batch_id, job_id, number, state, paid = line.split("\t")[:6]
        moves.append(Move(tenant, batch_id, job_id, int(number), state, paid))
    return moves
