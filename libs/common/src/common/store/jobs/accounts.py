"""Accounts of attempts that failed or were lost: what they paid was wasted, in all books alike.

What an attempt pays stands in two places: in the account of its job, once the attempt has ended, and at
once in the books of its tenant, which are in another slot. That an attempt failed is known here, and what a
lost one paid is known there; so its queue notes it, and who sweeps the queue brings both together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any, Final

from common.job.model import PaidUsage
from common.store.jobs.arguments import blank_or, now_argument
from common.store.keys import QueueKeys
from common.store.operation import Argument, Operation
from common.store.scripts import script

#: Who takes accounts has so long to settle them (ms).
TAKEN_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class DueAccount:
    """An attempt whose account is to be settled."""

    #: "id/attempt".
    attempt: str
    tenant: str
    batch_id: str
    #: Its worker vanished, and has told nobody what was paid, unless this was seen to before.
    is_lost: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What the books of a tenant have of an attempt."""

    attempt: str
    #: None: nothing.
    paid: PaidUsage | None
    #: After how long it is to be looked at again (ms); None: it is done with.
    again_ms: int | None = None


def take_accounts(keys: QueueKeys, most: int, *, now_ms: int | None = None) -> Operation[list[DueAccount]]:
    """Take attempts whose accounts are to be settled; what is not settled in TAKEN_MS is given out again."""

    def read(reply: list[Any]) -> list[DueAccount]:
        words = [word.decode() if isinstance(word, bytes) else word for word in reply]
        rows = zip(*(words[place::4] for place in range(4)), strict=True)
        return [DueAccount(attempt, tenant, batch, not known) for attempt, tenant, batch, known in rows]

    return Operation(script("accounts_due"), keys.all(), [now_argument(now_ms), most, TAKEN_MS], read)


def settle_accounts(
    keys: QueueKeys, settled: Iterable[Settled], *, now_ms: int | None = None
) -> Operation[int]:
    """Write what attempts paid to the accounts of their jobs. Returns how many of these have changed."""
    arguments: list[Argument] = [now_argument(now_ms)]
    for each in settled:
        paid = "" if each.paid is None else ",".join(map(str, astuple(each.paid)))
        arguments += (each.attempt, paid, blank_or(each.again_ms))
    return Operation(script("accounts_write"), keys.all(), arguments, int)
