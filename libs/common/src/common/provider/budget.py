"""Budgets of a tenant in millionths of a dollar, and what was spent of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class BudgetScope(StrEnum):
    """What a budget is for."""

    #: All that the tenant ever spends.
    TOTAL = "TOTAL"
    #: Each day (UTC).
    DAY = "DAY"
    #: Each batch; or one, by its id.
    BATCH = "BATCH"
    #: The job that asks, as it says itself; not set by operators.
    JOB = "JOB"


class SpentPolicy(StrEnum):
    """What becomes of a call that a budget has no room for."""

    #: Its job waits, until the budget is renewed or raised.
    HOLD = "HOLD"
    #: Its job fails.
    REFUSE = "REFUSE"
    #: A cheaper model is asked, or the local engine.
    CHEAPER = "CHEAPER"


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget. With no batch id, one of scope BATCH holds for each batch that has none of its own."""

    scope: BudgetScope
    limit_micro_usd: int
    policy: SpentPolicy = SpentPolicy.HOLD
    batch_id: str = ""


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent and saved, of a tenant, a day or a batch."""

    cost_micro_usd: int = 0
    #: Reserved by calls that are under way.
    held_micro_usd: int = 0
    #: What recorded answers would have cost again.
    saved_micro_usd: int = 0
    #: Paid for attempts that failed, and for calls whose answers nobody got.
    wasted_micro_usd: int = 0
    calls: int = 0
    reused_calls: int = 0
    #: Calls whose caller died: they may have cost what they had reserved, and count so.
    lapsed_calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Budgets:
    """All of one tenant at one moment."""

    budgets: tuple[Budget, ...] = ()
    total: Spending = field(default_factory=Spending)
    day: Spending = field(default_factory=Spending)
    #: Of the batch that was asked for.
    batch: Spending = field(default_factory=Spending)
    revision: int = 0
    read_ms: int = 0


_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "spent": "cost_micro_usd",
        "held": "held_micro_usd",
        "saved": "saved_micro_usd",
        "wasted": "wasted_micro_usd",
        "lapsed": "lapsed_calls",
    }
)


def spending_of(book: Mapping[str, str]) -> Spending:
    """Return a book's figures from its fields."""
    return Spending(**{_FIELDS.get(name, name): int(value) for name, value in book.items()})
