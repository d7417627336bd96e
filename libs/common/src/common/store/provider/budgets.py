"""Budgets: reserved before a call, settled after it, all scopes of a tenant in one script and one slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.job.model import PaidUsage
from common.provider.budget import Budget, Budgets, BudgetScope, SpentPolicy, spending_of
from common.store import keys
from common.store.jobs.arguments import blank_or, now_argument
from common.store.operation import Argument, Operation
from common.store.record import text_map
from common.store.scripts import script

_BATCH: Final = "batch:"


@dataclass(frozen=True, slots=True)
class Reserved:
    """The most that the call can cost is set aside."""


@dataclass(frozen=True, slots=True)
class RoomHeld:
    """Other calls hold what this one needs; there is room when they turn out to cost less."""

    scope: BudgetScope


@dataclass(frozen=True, slots=True)
class Spent:
    """There is no room, whatever the calls under way turn out to cost."""

    scope: BudgetScope
    policy: SpentPolicy
    #: When the budget is renewed; None: when an operator raises it.
    until_ms: int | None
    limit_micro_usd: int
    spent_micro_usd: int


@dataclass(frozen=True, slots=True)
class Unpriced:
    """There is a budget, and what the model costs is not known."""

    scope: BudgetScope


BudgetVerdict = Reserved | RoomHeld | Spent | Unpriced


@dataclass(frozen=True, slots=True)
class JobBound:
    """The most that the paid calls of a job may cost, over all its attempts."""

    job_id: str
    limit_micro_usd: int


def reserve_budget(
    namespace: str,
    tenant: str,
    token: str,
    cost_micro_usd: int | None,
    *,
    batch_id: str = "",
    attempt: str = "",
    bound: JobBound | None = None,
    lease_ms: int,
    now_ms: int | None = None,
) -> Operation[BudgetVerdict]:
    """Set the most that a call can cost aside, in every budget that binds it; or renew that it is.

    Args:
        cost_micro_usd: None if the price is not known.
        attempt: "id/attempt" of the one that makes the call, which has a book of its own.
        bound: That of the call's own job.
    """

    def read(reply: list[bytes]) -> BudgetVerdict:
        match [item.decode() for item in reply]:
            case ["RESERVED"]:
                return Reserved()
            case ["WAIT", scope]:
                return RoomHeld(BudgetScope(scope))
            case ["UNPRICED", scope]:
                return Unpriced(BudgetScope(scope))
            case ["SPENT", scope, policy, until, limit, spent]:
                until_ms = int(until) if until else None
                return Spent(BudgetScope(scope), SpentPolicy(policy), until_ms, int(limit), int(spent))
            case other:
                raise ValueError(f"no such verdict: {other}")

    arguments: list[Argument] = [
        now_argument(now_ms),
        token,
        blank_or(cost_micro_usd),
        batch_id,
        lease_ms,
        "" if bound is None else bound.job_id,
        "" if bound is None else bound.limit_micro_usd,
        attempt,
    ]
    return Operation(script("budget_reserve"), keys.budget(namespace, tenant), arguments, read)


def settle_budget(
    namespace: str,
    tenant: str,
    token: str,
    cost_micro_usd: int,
    *,
    batch_id: str = "",
    attempt: str = "",
    counts: Mapping[str, int],
    now_ms: int | None = None,
) -> Operation[bool]:
    """Put a call's cost in place of its reservation; False if that was done before.

    Args:
        counts: By how much calls, reused_calls, input_tokens, cached_tokens, output_tokens, saved and wasted
            grow.
    """
    arguments: list[Argument] = [now_argument(now_ms), token, cost_micro_usd, batch_id, attempt]
    for name, by in counts.items():
        arguments += (name, by)
    return Operation(script("budget_settle"), keys.budget(namespace, tenant), arguments, bool)


@dataclass(frozen=True, slots=True)
class Closed:
    """What an attempt that failed has paid, all of it wasted."""

    #: Calls of it are under way still.
    is_open: bool
    paid: PaidUsage


def close_attempt(
    namespace: str, tenant: str, attempt: str, *, batch_id: str = "", now_ms: int | None = None
) -> Operation[Closed | None]:
    """Count all that an attempt paid as wasted; None if it has paid nothing. May be repeated."""

    def read(reply: list[int]) -> Closed | None:
        return Closed(reply[0] == 1, PaidUsage(*map(int, reply[1:]))) if reply else None

    arguments: list[Argument] = [now_argument(now_ms), attempt, batch_id]
    return Operation(script("budget_close"), keys.budget(namespace, tenant), arguments, read)


def read_budgets(
    namespace: str, tenant: str, *, batch_id: str = "", now_ms: int | None = None
) -> Operation[Budgets]:
    """Read a tenant's budgets and what was spent."""
    arguments: list[Argument] = [now_argument(now_ms), "", batch_id]
    return Operation(script("budget_configure"), keys.budget(namespace, tenant), arguments, _budgets)


def set_budgets(
    namespace: str,
    tenant: str,
    budgets: Sequence[Budget],
    removed: Sequence[tuple[BudgetScope, str]] = (),
    *,
    revision: int | None = None,
    now_ms: int | None = None,
) -> Operation[Budgets | None]:
    """Set some budgets, and remove others by scope and batch; None if the revision is another."""
    arguments: list[Argument] = [now_argument(now_ms), blank_or(revision), ""]
    for budget in budgets:
        arguments += (
            _name(budget.scope, budget.batch_id),
            f"{budget.limit_micro_usd}|{budget.policy.value}",
        )
    for scope, batch_id in removed:
        arguments += (_name(scope, batch_id), "")

    def read(reply: list[Any]) -> Budgets | None:
        return _budgets(reply) if reply[0] == 1 else None

    return Operation(script("budget_configure"), keys.budget(namespace, tenant), arguments, read)


def _name(scope: BudgetScope, batch_id: str) -> str:
    return _BATCH + batch_id if scope is BudgetScope.BATCH and batch_id else scope.value.lower()


def _budgets(reply: list[Any]) -> Budgets:
    limits, total, day, batch = (text_map(flat) for flat in reply[1:5])
    revision = int(limits.pop("revision", "0"))
    return Budgets(
        tuple(_budget(name, spelled) for name, spelled in sorted(limits.items())),
        spending_of(total),
        spending_of(day),
        spending_of(batch),
        revision,
        int(reply[5]),
    )


def _budget(name: str, spelled: str) -> Budget:
    limit, _, policy = spelled.partition("|")
    batch_id = name.removeprefix(_BATCH) if name.startswith(_BATCH) else ""
    scope = BudgetScope.BATCH if batch_id else BudgetScope(name.upper())
    return Budget(scope, int(limit), SpentPolicy(policy), batch_id)
