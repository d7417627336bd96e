"""The scripts of budgets and a plain model, side by side through random operations."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from common.provider.budget import Budget, BudgetScope, SpentPolicy
from common.store.operation import Operation, SyncRunner
from common.store.provider import budgets
from common.store.provider.budgets import JobBound, Reserved, RoomHeld, Spent, Unpriced
from support.store import EPOCH_MS

LEASE_MS = 30_000
DAY_MS = 86_400_000
BATCHES = ("", "b1", "b2")
#: Jobs with a bound of their own, and what it is.
BOUNDS = (None, JobBound("j1", 60), JobBound("j2", 130))
SCOPES = st.sampled_from(
    [(BudgetScope.TOTAL, ""), (BudgetScope.DAY, ""), (BudgetScope.BATCH, ""), (BudgetScope.BATCH, "b1")]
)
COSTS = st.sampled_from([0, 10, 40, 90])


@dataclass
class Hold:
    """Money that is set aside."""

    amount: int
    books: tuple[str, ...]
    lease_ms: int


@dataclass
class ModelBudgets:
    """A tenant's budgets: the same operations as the scripts, on a clock that is passed in."""

    limits: dict[tuple[BudgetScope, str], int] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    lapsed: dict[str, Hold] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def reserve(
        self, token: str, cost: int | None, batch: str, bound: JobBound | None, now_ms: int
    ) -> object:
        self.reap(now_ms)
        lease_ms = now_ms + LEASE_MS
        if token in self.holds:
            self.holds[token].lease_ms = lease_ms
            return Reserved
        if token in self.lapsed:
            hold = self.holds[token] = self.lapsed.pop(token)
            hold.lease_ms = lease_ms
            self.add(hold.books, -hold.amount)
            return Reserved
        waits = False
        for scope, book, limit in self.binding(batch, bound, now_ms):
            if cost is None:
                return Unpriced, scope
            spent = self.spent.get(book, 0)
            if spent + cost > limit:
                return Spent, scope
            waits |= spent + self.held(book) + cost > limit
        if waits:
            return RoomHeld
        books = self.books(batch, now_ms) + ((f"job:{bound.job_id}",) if bound else ())
        self.holds[token] = Hold(cost or 0, books, lease_ms)
        return Reserved

    def settle(self, token: str, cost: int, batch: str, now_ms: int) -> bool:
        if token in self.told:
            return False
        self.told.add(token)
        hold = self.holds.pop(token, None)
        if hold is None and token in self.lapsed:
            hold = self.lapsed.pop(token)
            self.add(hold.books, -hold.amount)
        self.add(hold.books if hold else self.books(batch, now_ms), cost)
        return True

    def reap(self, now_ms: int) -> None:
        for token, hold in list(self.holds.items()):
            if hold.lease_ms <= now_ms:
                self.lapsed[token] = self.holds.pop(token)
                self.add(hold.books, hold.amount)

    def add(self, books: tuple[str, ...], cost: int) -> None:
        for book in books:
            self.spent[book] = self.spent.get(book, 0) + cost

    def held(self, book: str) -> int:
        return sum(hold.amount for hold in self.holds.values() if book in hold.books)

    def books(self, batch: str, now_ms: int) -> tuple[str, ...]:
        return ("total", f"day:{now_ms // DAY_MS}", *([f"batch:{batch}"] if batch else []))

    def binding(self, batch: str, bound: JobBound | None, now_ms: int) -> list[tuple[BudgetScope, str, int]]:
        found = []
        if bound is not None:
            found.append((BudgetScope.JOB, f"job:{bound.job_id}", bound.limit_micro_usd))
        for scope, book in ((BudgetScope.TOTAL, "total"), (BudgetScope.DAY, f"day:{now_ms // DAY_MS}")):
            if (scope, "") in self.limits:
                found.append((scope, book, self.limits[scope, ""]))
        limit = self.limits.get((BudgetScope.BATCH, batch), self.limits.get((BudgetScope.BATCH, "")))
        if batch and limit is not None:
            found.append((BudgetScope.BATCH, f"batch:{batch}", limit))
        return found


class BudgetMachine(RuleBasedStateMachine):
    """Several callers and batches; the clock moved; scripts repeated, as after lost replies; dead callers."""

    client: redis.Redis

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.model = ModelBudgets()
        self.now_ms = EPOCH_MS
        self.asked: list[tuple[str, int | None, str, JobBound | None]] = []

    def run(self, operation: Operation[Any]) -> Any:
        return SyncRunner(self.client).run(operation)

    def reserve(self, token: str, cost: int | None, batch: str, bound: JobBound | None, twice: bool) -> None:
        for _ in range(1 + twice):
            told = self.run(
                budgets.reserve_budget(
                    *("test", "t", token, cost),
                    batch_id=batch,
                    bound=bound,
                    lease_ms=LEASE_MS,
                    now_ms=self.now_ms,
                )
            )
            expected = self.model.reserve(token, cost, batch, bound, self.now_ms)
            if isinstance(told, Unpriced | Spent):
                assert (type(told), told.scope) == expected
            else:
                assert type(told) is expected

    @rule(
        cost=st.one_of(COSTS, COSTS, st.none()),
        batch=st.sampled_from(BATCHES),
        bound=st.sampled_from(BOUNDS),
        twice=st.booleans(),
    )
    def ask(self, cost: int | None, batch: str, bound: JobBound | None, twice: bool) -> None:
        token = f"c{len(self.asked):03d}"
        self.asked.append((token, cost, batch, bound))
        self.reserve(token, cost, batch, bound, twice)

    @precondition(lambda self: self.asked)
    @rule(pick=st.integers(0, 20))
    def renew(self, pick: int) -> None:
        token, cost, batch, bound = self.asked[-1 - pick % len(self.asked)]
        if token not in self.model.told:
            self.reserve(token, cost, batch, bound, False)

    @precondition(lambda self: self.asked)
    @rule(pick=st.integers(0, 20), share=st.sampled_from([0.0, 0.5, 1.0]), twice=st.booleans())
    def settle(self, pick: int, share: float, twice: bool) -> None:
        token, _, batch, _ = self.asked[-1 - pick % len(self.asked)]
        hold = self.model.holds.get(token) or self.model.lapsed.get(token)
        cost = int(hold.amount * share) if hold else 0
        for _ in range(1 + twice):
            done = self.run(
                budgets.settle_budget(
                    "test", "t", token, cost, batch_id=batch, counts={"calls": 1}, now_ms=self.now_ms
                )
            )
            assert done == self.model.settle(token, cost, batch, self.now_ms)

    @rule(which=SCOPES, limit=st.sampled_from([None, 50, 100, 200]))
    def limit(self, which: tuple[BudgetScope, str], limit: int | None) -> None:
        scope, batch = which
        if limit is None:
            self.run(budgets.set_budgets("test", "t", [], [which], now_ms=self.now_ms))
            self.model.limits.pop(which, None)
        else:
            budget = Budget(scope, limit, SpentPolicy.HOLD, batch)
            self.run(budgets.set_budgets("test", "t", [budget], now_ms=self.now_ms))
            self.model.limits[which] = limit
        self.model.reap(self.now_ms)

    @rule(by_ms=st.sampled_from([5, 900, 31_000, 20_000_000]))
    def tick(self, by_ms: int) -> None:
        """Move on; less than the day for which a lapsed reservation is remembered, all steps together."""
        if self.now_ms + by_ms < EPOCH_MS + DAY_MS:
            self.now_ms += by_ms

    @invariant()
    def the_books_agree(self) -> None:
        self.model.reap(self.now_ms)
        for batch in BATCHES:
            read = self.run(budgets.read_budgets("test", "t", batch_id=batch, now_ms=self.now_ms))
            books = [("total", read.total), (f"day:{self.now_ms // DAY_MS}", read.day)]
            if batch:
                books.append((f"batch:{batch}", read.batch))
            for name, book in books:
                told = (book.cost_micro_usd, book.held_micro_usd)
                assert told == (self.model.spent.get(name, 0), self.model.held(name)), name
        for bound in BOUNDS[1:]:
            book = self.client.hgetall(f"{{test:budget:t}}:job:{bound.job_id}")
            name = f"job:{bound.job_id}"
            told = int(book.get(b"spent", 0)), int(book.get(b"held", 0))
            assert told == (self.model.spent.get(name, 0), self.model.held(name)), name
            assert told[0] + told[1] <= bound.limit_micro_usd


def test_the_scripts_do_what_the_model_does(client: redis.Redis) -> None:
    class Machine(BudgetMachine):
        pass

    Machine.client = client
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=int(os.environ.get("MODEL_CHECK_EXAMPLES", "60")),
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_cap_holds_whatever_calls_turn_out_to_cost(client: redis.Redis) -> None:
    """Two hundred callers of $1.00: each may cost a cent and a half, and costs a cent."""
    runner, limit, most, cost = SyncRunner(client), 1_000_000, 15_000, 10_000
    runner.run(budgets.set_budgets("test", "t", [Budget(BudgetScope.TOTAL, limit, SpentPolicy.REFUSE)]))
    waiting, done, refused = [f"c{i}" for i in range(200)], 0, 0
    while waiting:
        held = []
        for token in waiting:
            match runner.run(budgets.reserve_budget("test", "t", token, most, lease_ms=LEASE_MS)):
                case Reserved():
                    held.append(token)
                case Spent(spent_micro_usd=spent):
                    assert limit - spent < most
                    refused += 1
                    held.append(token)
        spent_now = [token for token in held if client.hexists("{test:budget:t}:calls", token)]
        for token in spent_now:
            runner.run(budgets.settle_budget("test", "t", token, cost, counts={"calls": 1}))
        done += len(spent_now)
        waiting = [token for token in waiting if token not in held]
    total = runner.run(budgets.read_budgets("test", "t")).total
    assert total.cost_micro_usd == done * cost <= limit
    assert (done, refused) == (99, 101)
