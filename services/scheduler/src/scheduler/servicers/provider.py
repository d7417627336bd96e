"""The part of QueueService that is about paid providers."""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from common.auth.caller import Role, current_caller
from scheduler.providers import Providers
from scheduler.servicers.context import Context
from scheduler.wire.providers import (
    budgets_from_pb,
    budgets_to_pb,
    circuit_to_pb,
    limit_changes_from_pb,
    limits_to_pb,
)


class ProviderMethods:
    """Shows limits and circuits, which all tenants share, and budgets, which are each tenant's own."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def ListProviderLimits(
        self, request: pb.ListProviderLimitsRequest, context: Context
    ) -> pb.ListProviderLimitsResponse:
        return pb.ListProviderLimitsResponse(provider_limits=map(limits_to_pb, await self._providers.list()))

    async def GetProviderLimits(
        self, request: pb.GetProviderLimitsRequest, context: Context
    ) -> pb.ProviderLimits:
        return limits_to_pb(await self._providers.get(request.provider, request.model))

    async def UpdateProviderLimits(
        self, request: pb.UpdateProviderLimitsRequest, context: Context
    ) -> pb.ProviderLimits:
        changes, limits = limit_changes_from_pb(request), request.provider_limits
        return limits_to_pb(await self._providers.update(limits.provider, limits.model, changes, limits.etag))

    async def ListCircuits(
        self, request: pb.ListCircuitsRequest, context: Context
    ) -> pb.ListCircuitsResponse:
        return pb.ListCircuitsResponse(circuits=map(circuit_to_pb, await self._providers.list()))

    async def ResetCircuit(self, request: pb.ResetCircuitRequest, context: Context) -> pb.Circuit:
        return circuit_to_pb(await self._providers.reset(request.provider, request.model))

    async def GetBudgets(self, request: pb.GetBudgetsRequest, context: Context) -> pb.TenantBudgets:
        tenant = request.tenant or current_caller().tenant
        if tenant != current_caller().tenant:
            current_caller().require(Role.OPERATOR)
        read = await self._providers.budgets(tenant, request.batch_id)
        return budgets_to_pb(tenant, read, batch=bool(request.batch_id))

    async def UpdateBudgets(self, request: pb.UpdateBudgetsRequest, context: Context) -> pb.TenantBudgets:
        tenant = request.tenant_budgets.tenant or current_caller().tenant
        budgets, removed = budgets_from_pb(request)
        changed = await self._providers.update_budgets(tenant, budgets, removed, request.tenant_budgets.etag)
        return budgets_to_pb(tenant, changed, batch=False)
