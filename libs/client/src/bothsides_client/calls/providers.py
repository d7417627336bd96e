"""Calls of QueueService that are about paid providers: limits, circuits, budgets."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from bothsides.jobs import v1 as pb
from bothsides_client.call import Call, same
from bothsides_client.calls.queues import QUEUES


def list_provider_limits() -> Call[list[pb.ProviderLimits]]:
    """Return the limits of every model that was ever called or limited, and what is left of them."""
    request = pb.ListProviderLimitsRequest()
    return Call(QUEUES, "ListProviderLimits", request, lambda response: list(response.provider_limits))


def get_provider_limits(provider: str, model: str) -> Call[pb.ProviderLimits]:
    """Return the limits of one model, and what is left of them."""
    request = pb.GetProviderLimitsRequest(provider=provider, model=model)
    return Call(QUEUES, "GetProviderLimits", request, same)


def update_provider_limits(limits: pb.ProviderLimits, fields: Sequence[str] = ()) -> Call[pb.ProviderLimits]:
    """Change limits of a model; return them as they are then.

    Args:
        limits: `provider`, `model` and the new values. With an `etag`, only if nothing has changed since.
        fields: Names of those to change; one that is named and not set returns to its default. Without names,
            all that are set.
    """
    mask = FieldMask(paths=fields) if fields else None
    request = pb.UpdateProviderLimitsRequest(provider_limits=limits, update_mask=mask)
    return Call(QUEUES, "UpdateProviderLimits", request, same)


def list_circuits() -> Call[list[pb.Circuit]]:
    """Return the circuits of all models that were ever called."""
    return Call(QUEUES, "ListCircuits", pb.ListCircuitsRequest(), lambda response: list(response.circuits))


def reset_circuit(provider: str, model: str) -> Call[pb.Circuit]:
    """Close a model's circuit, and forget a pause that the provider asked for."""
    return Call(QUEUES, "ResetCircuit", pb.ResetCircuitRequest(provider=provider, model=model), same)


def get_budgets(tenant: str = "", *, batch_id: str = "") -> Call[pb.TenantBudgets]:
    """Return a tenant's budgets and what it has spent; your own, unless another is named."""
    return Call(QUEUES, "GetBudgets", pb.GetBudgetsRequest(tenant=tenant, batch_id=batch_id), same)


def update_budgets(budgets: pb.TenantBudgets, removed: Sequence[pb.Budget] = ()) -> Call[pb.TenantBudgets]:
    """Set budgets of a tenant, and remove others; return all as they are then.

    Args:
        budgets: `tenant` (your own by default) and the budgets to set. With an `etag`, only if nothing has
            changed since.
        removed: By scope and batch_id.
    """
    return Call(
        QUEUES, "UpdateBudgets", pb.UpdateBudgetsRequest(tenant_budgets=budgets, removed=removed), same
    )
