"""Puts the gate together: the store of the loop that jobs run on, and what the settings say."""

from __future__ import annotations

import logging
from typing import Final

from analysis_worker.paid.gate import GateSettings, PaidGate
from analysis_worker.paid.keeping import Keeping
from analysis_worker.paid.retiring import Retiring
from analysis_worker.paid.settings import PaidSettings, fingerprint_of
from analysis_worker.paid.weights import TenantWeights
from common.settings import WorkerSettings
from common.store.operation import AsyncRunner

#: The queue whose tenants' weights count.
QUEUE: Final = "ai_analysis"
_log = logging.getLogger(__name__)


class WorkerGate:
    """The gate of a worker, and what is to be told of its models."""

    def __init__(
        self, store: AsyncRunner, shared: WorkerSettings, paid: PaidSettings, moderation_model: str = ""
    ) -> None:
        namespace = shared.store.namespace
        #: What is to be told of the models that the settings name.
        self.retiring = Retiring(paid.models, shared.openai_model, moderation_model)
        for warning in self.retiring():
            _log.warning("%s", warning)
        self.gate = PaidGate(
            store,
            namespace,
            models=paid.models,
            keeping=Keeping(paid.sealer),
            weight_of=TenantWeights(store, namespace, QUEUE),
            settings=GateSettings(
                key_fingerprint=fingerprint_of(shared.openai_api_key),
                keep_ms=paid.keep_ms,
                keep_bytes=paid.keep_bytes,
                lease_ms=paid.lease_ms,
            ),
            door=paid.door,
            conversations_elsewhere=shared.conversation_service is not None,
        )
