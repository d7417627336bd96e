"""The money of paid calls: set aside before a call, and written down after it."""

from __future__ import annotations

import time
from typing import Final

from analysis_worker.paid.port import BudgetSpent, Call, CallHeld, CheaperModelWanted, Usage
from analysis_worker.paid.steady import Steady
from common.provider.budget import SpentPolicy
from common.provider.models import ModelTable, PriceUnknown
from common.store.provider.budgets import (
    BudgetVerdict,
    JobBound,
    Reserved,
    RoomHeld,
    Spent,
    Unpriced,
    reserve_budget,
    settle_budget,
)

#: A budget that only an operator renews is looked at again after this (ms).
LOOK_MS: Final = 600_000


class Purse:
    """Reserves and settles what calls cost, in the books of their tenants."""

    def __init__(self, store: Steady, namespace: str, models: ModelTable, *, lease_ms: int) -> None:
        self._store = store
        self._namespace = namespace
        self._models = models
        self._lease_ms = lease_ms

    def cost_of(self, model: str, used: Usage) -> int:
        """Return what a call cost (millionths of a dollar); 0 if its price is not known."""
        return self._cost(model, used.input_tokens, used.cached_input_tokens, used.output_tokens) or 0

    def most(self, call: Call) -> int | None:
        """Return the most that a call can cost; None if its price is not known."""
        return self._cost(call.model, call.input_tokens, 0, call.output_tokens)

    async def reserve(self, call: Call, token: str) -> bool:
        """Set aside the most that a call can cost. Returns False if others hold it for now.

        Raises:
            CallHeld: The budget is spent; the job is to wait.
            BudgetSpent: The budget is spent; or CheaperModelWanted.
            PriceUnknown: There is a budget, and no price.
        """
        match await self._reserve(call, token):
            case Reserved():
                return True
            case RoomHeld():
                return False
            case Unpriced():
                raise PriceUnknown(call.model)
            case Spent(scope, SpentPolicy.HOLD, until_ms, _, _):
                now_ms = time.time_ns() // 1_000_000
                raise CallHeld(f"{scope}_BUDGET_SPENT", now_ms + LOOK_MS if until_ms is None else until_ms)
            case Spent(scope, policy, _, limit, spent):
                refusal = CheaperModelWanted if policy is SpentPolicy.CHEAPER else BudgetSpent
                raise refusal(scope, limit, spent)

    async def renew(self, call: Call, token: str) -> None:
        """Say that the call is still under way."""
        await self._reserve(call, token)

    async def pay(self, call: Call, token: str, used: Usage, cost: int) -> None:
        """Write down what a call cost."""
        await self._settle(
            call,
            token,
            cost,
            calls=1,
            input_tokens=used.input_tokens,
            cached_tokens=used.cached_input_tokens,
            output_tokens=used.output_tokens,
        )

    async def save(self, call: Call, token: str, cost: int) -> None:
        """Write down that a call did not have to be made."""
        await self._settle(call, token, 0, reused_calls=1, saved=cost)

    async def give_back(self, call: Call, token: str) -> None:
        """Free what was set aside for a call that cost nothing."""
        await self._settle(call, token, 0)

    async def lose(self, call: Call, token: str) -> None:
        """Write down what a call may have cost that was stopped on its way, or not answered in time.

        That is all of its input, and what was expected to come back.
        """
        cost = self._cost(call.model, call.input_tokens, 0, call.expected_output_tokens) or 0
        await self._settle(call, token, cost, calls=1, wasted=cost)
        call.lost(cost, cost)

    def _cost(self, model: str, input_tokens: int, cached_tokens: int, output_tokens: int) -> int | None:
        card = self._models.cards.get(model)
        if card is None or not card.priced:
            return None
        return card.cost_micro_usd(input_tokens, cached_tokens, output_tokens)

    async def _reserve(self, call: Call, token: str) -> BudgetVerdict:
        return await self._store.run(
            reserve_budget(
                self._namespace,
                call.tenant,
                token,
                self.most(call),
                batch_id=call.batch_id,
                attempt=call.made_by,
                bound=JobBound(call.job_id, call.max_cost_micro_usd) if call.max_cost_micro_usd else None,
                lease_ms=self._lease_ms,
            )
        )

    async def _settle(self, call: Call, token: str, cost: int, **counts: int) -> None:
        await self._store.insist(
            settle_budget(
                self._namespace,
                call.tenant,
                token,
                cost,
                batch_id=call.batch_id,
                attempt=call.made_by,
                counts=counts,
            )
        )
