"""Paid providers: limits and circuits of models, and budgets of tenants, as operators see and set them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from common.errors import EtagMismatch
from common.provider.budget import Budget, Budgets, BudgetScope
from common.provider.circuit import ProviderReport
from common.store.keys import provider_keys
from common.store.operation import AsyncRunner
from common.store.provider import budgets as books
from common.store.provider import operating

#: Models that a list shows.
LIST_MAX: Final = 1_000


class Providers:
    """The models and budgets of one namespace."""

    def __init__(self, store: AsyncRunner, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    async def list(self) -> Sequence[ProviderReport]:
        """Read every model that was ever called or limited, by provider and name."""
        named = await self._store.run(operating.list_models(self._namespace))
        return await asyncio.gather(*(self.get(*names) for names in named[:LIST_MAX]))

    async def get(self, provider: str, model: str) -> ProviderReport:
        """Read how a model stands."""
        return await self._store.run(
            operating.describe_model(provider_keys(self._namespace, provider, model))
        )

    async def update(
        self, provider: str, model: str, changes: Mapping[str, int | None], etag: str
    ) -> ProviderReport:
        """Change limits of a model.

        Raises:
            EtagMismatch: They have changed since.
        """
        keys = provider_keys(self._namespace, provider, model)
        await self._store.run(operating.declare_model(self._namespace, provider, model))
        changed = await self._store.run(operating.set_limits(keys, changes, revision=_revision(etag, model)))
        if changed is None:
            raise EtagMismatch(model)
        return changed

    async def reset(self, provider: str, model: str) -> ProviderReport:
        """Close a model's circuit."""
        return await self._store.run(operating.close_circuit(provider_keys(self._namespace, provider, model)))

    async def budgets(self, tenant: str, batch_id: str = "") -> Budgets:
        """Read a tenant's budgets, and what was spent."""
        return await self._store.run(books.read_budgets(self._namespace, tenant, batch_id=batch_id))

    async def update_budgets(
        self, tenant: str, budgets: Sequence[Budget], removed: Sequence[tuple[BudgetScope, str]], etag: str
    ) -> Budgets:
        """Set some budgets, and remove others.

        Raises:
            EtagMismatch: They have changed since.
        """
        operation = books.set_budgets(
            self._namespace, tenant, budgets, removed, revision=_revision(etag, tenant)
        )
        changed = await self._store.run(operation)
        if changed is None:
            raise EtagMismatch(tenant)
        return changed


def _revision(etag: str, name: str) -> int | None:
    """Return the revision that an etag stands for; raises EtagMismatch for what is none."""
    if not etag:
        return None
    if not etag.isdecimal():
        raise EtagMismatch(name)
    return int(etag)
