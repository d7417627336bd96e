"""Limits, circuits and budgets on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bothsides.jobs import v1 as pb
from common.errors import InvalidField
from common.provider.budget import Budget, Budgets, BudgetScope, Spending, SpentPolicy
from common.provider.circuit import CircuitState, ProviderReport
from scheduler.wire.masks import masked
from scheduler.wire.times import duration_to_pb, instant_to_pb

#: Limits on the wire, and in the store.
LIMITS: Final[Mapping[str, str]] = {
    "requests_per_minute": "requests",
    "tokens_per_minute": "tokens",
    "input_tokens_per_minute": "input_tokens",
    "output_tokens_per_minute": "output_tokens",
    "max_in_flight": "in_flight",
}


def limits_to_pb(report: ProviderReport) -> pb.ProviderLimits:
    message = pb.ProviderLimits(
        provider=report.provider,
        model=report.model,
        **{name: getattr(report.limits, kept) for name, kept in LIMITS.items()},
        left={
            name: pb.ProviderLimits.Left(
                limit=left.limit, period=duration_to_pb(left.period_ms), left=left.left
            )
            for name, left in report.left.items()
        },
        in_flight=report.in_flight,
        allowed_in_flight=report.may_fly,
        waiting=report.waiting,
        granted_count=report.granted,
        refused_count=report.refused,
        failed_count=report.failed,
        lapsed_count=report.lapsed,
        reused_count=report.reused,
        kept_answer_count=report.answers,
        kept_answer_bytes=report.answer_bytes,
        read_time=instant_to_pb(report.read_ms),
        etag=str(report.limits.revision),
    )
    if report.pause_until_ms > report.read_ms:
        message.pause_until_time.CopyFrom(instant_to_pb(report.pause_until_ms))
    if report.latency_ms is not None:
        message.mean_latency.CopyFrom(duration_to_pb(round(report.latency_ms)))
    return message


def limit_changes_from_pb(request: pb.UpdateProviderLimitsRequest) -> dict[str, int | None]:
    """Return the changes by the store's names; None removes a limit.

    Raises:
        InvalidField: The mask names what cannot be changed, or provider or model is missing.
    """
    limits = request.provider_limits
    for field in ("provider", "model"):
        if not getattr(limits, field):
            raise InvalidField(f"provider_limits.{field}", f"must name the {field}")
    return {
        LIMITS[path]: getattr(limits, path) if limits.HasField(path) else None  # type: ignore[arg-type]
        for path in masked(request.update_mask, limits, tuple(LIMITS))
    }


def circuit_to_pb(report: ProviderReport) -> pb.Circuit:
    circuit = report.circuit
    message = pb.Circuit(
        provider=report.provider,
        model=report.model,
        state=pb.Circuit.State.Value(circuit.state.value),
        failure_count=circuit.failures,
    )
    if circuit.state is CircuitState.CLOSED:
        return message
    message.reason = circuit.reason
    if circuit.opened_ms is not None:
        message.open_time.CopyFrom(instant_to_pb(circuit.opened_ms))
    if circuit.until_ms is not None:
        message.open_until_time.CopyFrom(instant_to_pb(circuit.until_ms))
    return message


def budgets_to_pb(tenant: str, budgets: Budgets, *, batch: bool) -> pb.TenantBudgets:
    """Return a tenant's budgets; with the spending of a batch if one was asked for."""
    return pb.TenantBudgets(
        tenant=tenant,
        budgets=map(_budget_to_pb, budgets.budgets),
        total=_spending_to_pb(budgets.total),
        day=_spending_to_pb(budgets.day),
        batch=_spending_to_pb(budgets.batch) if batch else None,
        read_time=instant_to_pb(budgets.read_ms),
        etag=str(budgets.revision),
    )


def budgets_from_pb(request: pb.UpdateBudgetsRequest) -> tuple[list[Budget], list[tuple[BudgetScope, str]]]:
    """Return the budgets to set, and scope and batch of those to remove.

    Raises:
        InvalidField: One of another scope names a batch, or there is nothing to do.
    """
    listed = request.tenant_budgets.budgets
    if not listed and not request.removed:
        raise InvalidField("tenant_budgets.budgets", "must hold what to set, or `removed` what to remove")
    for field, items in (("tenant_budgets.budgets", listed), ("removed", request.removed)):
        for place, item in enumerate(items):
            if item.batch_id and item.scope != pb.Budget.BATCH:
                raise InvalidField(f"{field}[{place}].batch_id", "is for budgets of scope BATCH only")
    return (
        [_budget_from_pb(item) for item in listed],
        [(BudgetScope(pb.Budget.Scope.Name(item.scope)), item.batch_id) for item in request.removed],
    )


def _budget_to_pb(budget: Budget) -> pb.Budget:
    return pb.Budget(
        scope=pb.Budget.Scope.Value(budget.scope.value),
        batch_id=budget.batch_id,
        limit_micro_usd=budget.limit_micro_usd,
        spent_policy=pb.Budget.SpentPolicy.Value(budget.policy.value),
    )


def _budget_from_pb(budget: pb.Budget) -> Budget:
    policy = budget.spent_policy or pb.Budget.HOLD
    return Budget(
        BudgetScope(pb.Budget.Scope.Name(budget.scope)),
        budget.limit_micro_usd,
        SpentPolicy(pb.Budget.SpentPolicy.Name(policy)),
        budget.batch_id,
    )


def _spending_to_pb(spending: Spending) -> pb.Spending:
    return pb.Spending(
        cost_micro_usd=spending.cost_micro_usd,
        held_micro_usd=spending.held_micro_usd,
        saved_micro_usd=spending.saved_micro_usd,
        wasted_micro_usd=spending.wasted_micro_usd,
        call_count=spending.calls,
        reused_call_count=spending.reused_calls,
        lapsed_call_count=spending.lapsed_calls,
        input_tokens=spending.input_tokens,
        cached_input_tokens=spending.cached_tokens,
        output_tokens=spending.output_tokens,
    )
