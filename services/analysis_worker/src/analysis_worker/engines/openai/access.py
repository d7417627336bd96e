"""What a worker needs to ask models: a provider, a table, a default, and the secret behind sentence ids."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from analysis_worker.engines.openai.adapter import CALL_S, OpenAiAdapter
from common.provider.models import ModelTable


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """Made once for a worker."""

    adapter: OpenAiAdapter
    table: ModelTable
    #: Asked where a job names none.
    model: str
    #: The same in all workers with the same key, so that they ask for the same bytes.
    secret: bytes = field(repr=False)

    @classmethod
    def open(
        cls, api_key: str, *, base_url: str, model: str, table: ModelTable, timeout_s: float = CALL_S
    ) -> ModelAccess:
        """Return access with a key, without a connection yet; a call may take `timeout_s` in all."""
        secret = hmac.digest(api_key.encode(), b"sentence ids", "sha256")
        return cls(
            OpenAiAdapter(api_key, base_url=base_url or None, timeout_s=timeout_s), table, model, secret
        )

    async def close(self) -> None:
        """End all connections."""
        await self.adapter.close()
