"""Ends an attempt that got nothing of a model: the job waits where that helps, or fails with a way out.

What a person reads names what to do, never what was sent.
"""

from __future__ import annotations

import time
from typing import Final, NoReturn

from analysis_worker.paid.port import BudgetSpent, CallHeld
from analysis_worker.runtime.context import JobContext
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass
from common.provider.budget import BudgetScope
from common.provider.errors import ModelNotFound, ProviderFailure, QuotaExhausted
from common.provider.models import ModelUnknown, PriceUnknown

_OR_LOCAL: Final = ", or let the job go on without a model: on_unavailable=DEGRADE"
#: What a person can do about a provider that failed.
_WAYS_OUT: Final = {
    ErrorClass.TRANSIENT: "see whether the provider is down (`bothsides circuits list`) and retry the job "
    "when it is back, or name others in models",
    ErrorClass.TIMEOUT: "retry the job when the provider is faster, or name others in models",
    ErrorClass.RATE_LIMITED: "wait, or have the provider's limits raised (`bothsides limits list`)",
    ErrorClass.QUOTA_EXHAUSTED: "pay the provider's bill, then close the circuit: `bothsides circuits reset`",
    ErrorClass.AUTHENTICATION: "start the workers with an OPENAI_API_KEY that the provider takes",
}
_OWN_FAULT: Final = "name others in models, leave out the dimension that fails, or divide the conversation"
_OTHER_MODEL: Final = "name a model that the key may use, in models or language_model"


def give_up(context: JobContext, error: Exception) -> NoReturn:
    """End the attempt.

    Raises:
        AttemptFailed: In the class of the failure, which says whether it is tried again.
    """
    match error:
        case CallHeld():
            _wait(context, error.until_ms, error.reason)
        case ProviderFailure(away_until_ms=int(until_ms)):
            _wait(context, until_ms, "PROVIDER_AWAY")
        case ProviderFailure(own_fault=True):
            raise AttemptFailed(
                error.error_class,
                "REQUEST_BREAKS_PROVIDER",
                "the model answers other requests, and failed at this one again and again",
                suggestion=_OWN_FAULT + _OR_LOCAL,
            ) from None
        case ProviderFailure():
            way_out = _OTHER_MODEL if isinstance(error, ModelNotFound) else _WAYS_OUT[error.error_class]
            raise AttemptFailed(
                error.error_class,
                error.reason,
                "the model could not be asked",
                suggestion=way_out + _OR_LOCAL,
                # How long a quota is used up the circuit knows, which an operator may close before.
                retry_after_ms=None if isinstance(error, QuotaExhausted) else error.retry_after_ms,
            ) from None
        case BudgetSpent(scope=BudgetScope.JOB):
            raise _refused(
                "BUDGET_SPENT",
                f"the job's own max_cost_micro_usd has no room for the call: of {error.limit_micro_usd} "
                f"{error.spent_micro_usd} are spent",
                "retry the job with a spec that has a higher max_cost_micro_usd, or name a cheaper model",
            ) from None
        case BudgetSpent():
            raise _refused(
                "BUDGET_SPENT",
                f"the {error.scope.lower()} budget has no room for the call: of {error.limit_micro_usd} "
                f"{error.spent_micro_usd} are spent (millionths of a dollar)",
                "raise it (`bothsides budgets set`) and retry the job, or name a cheaper model",
            ) from None
        case PriceUnknown():
            raise _refused(
                "PRICE_UNKNOWN",
                f"there is a budget, and what {error.model} costs is not known",
                "set its prices in the file that PROVIDER_MODELS_FILE names, or name another model",
            ) from None
        case ModelUnknown():
            raise _refused(
                "MODEL_UNKNOWN",
                f"{error.model} is not in the workers' table of models",
                "describe it in the file that PROVIDER_MODELS_FILE names, or name another model",
            ) from None
    raise error


def _wait(context: JobContext, until_ms: int, reason: str) -> NoReturn:
    context.snooze(max(0, until_ms - time.time_ns() // 1_000_000), reason)


def _refused(reason: str, message: str, way_out: str) -> AttemptFailed:
    return AttemptFailed(ErrorClass.INVALID_INPUT, reason, message, suggestion=way_out + _OR_LOCAL)
