"""What a result says of a model that gave nothing: from the failure of a call, or from why it was held."""

from __future__ import annotations

from typing import Final

from analysis_worker.domain.provenance import DegradedReason
from analysis_worker.paid.port import BudgetSpent, CallHeld
from common.job.model import ErrorClass
from common.provider.errors import ContentRefused, ProviderFailure
from common.provider.models import PriceUnknown
from common.store.jobs import RELEASED_FOR, BlockerKind

_BY_CLASS: Final = {
    ErrorClass.RATE_LIMITED: DegradedReason.RATE_LIMITED,
    ErrorClass.QUOTA_EXHAUSTED: DegradedReason.QUOTA,
    ErrorClass.TIMEOUT: DegradedReason.TIMEOUT,
    ErrorClass.CONTENT_POLICY: DegradedReason.REFUSAL,
    ErrorClass.INVALID_OUTPUT: DegradedReason.INVALID_OUTPUT,
}
_BY_KIND: Final = {
    BlockerKind.BUDGET: DegradedReason.BUDGET,
    BlockerKind.CIRCUIT: DegradedReason.CIRCUIT_OPEN,
    BlockerKind.PROVIDER_LIMIT: DegradedReason.RATE_LIMITED,
}


def reason_of(error: Exception) -> DegradedReason:
    """Return what the result says of a failure."""
    match error:
        case CallHeld(reason="QUOTA_EXHAUSTED"):
            return DegradedReason.QUOTA
        case CallHeld():
            kind = RELEASED_FOR.get(error.reason)
            return DegradedReason.UNAVAILABLE if kind is None else _BY_KIND[kind]
        case BudgetSpent() | PriceUnknown():
            return DegradedReason.BUDGET
        case ContentRefused():
            return DegradedReason.CONTENT_FILTER
        case ProviderFailure():
            return _BY_CLASS.get(error.error_class, DegradedReason.UNAVAILABLE)
    return DegradedReason.UNAVAILABLE
