"""Asks models for dimensions while the local engine works, and decides what follows from their failures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias, TypeVar

from analysis_worker.domain.result import DegradedReason, Dimension
from analysis_worker.paid.port import BudgetSpent, CallHeld, OutboundForbidden
from analysis_worker.privacy.placeholders import OriginalInPayload
from analysis_worker.runtime.context import JobContext
from bothsides.jobs import v1 as pb
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass
from common.provider.errors import ContentRefused, ProviderFailure
from common.provider.models import ModelUnknown, PriceUnknown

if TYPE_CHECKING:
    from analysis_worker.engines.openai.asking import Client
    from analysis_worker.engines.openai.engine import Models
    from analysis_worker.engines.openai.findings import Found
    from analysis_worker.engines.openai.outbound import Outbound

T = TypeVar("T")
#: The dimensions that are asked for.
ASKED: Final = frozenset({Dimension.ARGUMENTS, Dimension.QUALITY})
#: What a model found, why it found nothing, or None where there was nothing to ask.
Outcome: TypeAlias = "Found | DegradedReason | None"
_Spec = pb.TranscriptAnalysisSpec
_BY_CLASS: Final = {
    ErrorClass.RATE_LIMITED: DegradedReason.RATE_LIMITED,
    ErrorClass.QUOTA_EXHAUSTED: DegradedReason.QUOTA,
    ErrorClass.TIMEOUT: DegradedReason.TIMEOUT,
    ErrorClass.CONTENT_POLICY: DegradedReason.REFUSAL,
    ErrorClass.INVALID_OUTPUT: DegradedReason.INVALID_OUTPUT,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a job wants of models."""

    model: str = ""
    force_refresh: bool = False
    fall_back: bool = True
    degrade: bool = True
    #: The result is to say so if no model was asked.
    expressly: bool = False

    @classmethod
    def of(cls, spec: pb.TranscriptAnalysisSpec | pb.ReflectionProcessingSpec) -> Wish | None:
        """Return what a spec says; None where the local engine is wanted."""
        if spec.engine == _Spec.LOCAL:
            return None
        policy = spec.on_unavailable
        return cls(
            spec.language_model,
            spec.force_refresh,
            fall_back=policy != _Spec.WAIT,
            degrade=policy in (_Spec.ON_UNAVAILABLE_UNSPECIFIED, _Spec.DEGRADE),
            expressly=spec.engine == _Spec.OPENAI,
        )


def start(
    context: JobContext, wish: Wish, debate: Outbound | None, wanted: Collection[Dimension]
) -> dict[Dimension, asyncio.Task[Outcome]]:
    """Ask for all dimensions at once. What a task raises ends the attempt, as the job wishes it."""
    return {
        dimension: asyncio.create_task(_find(context, wish, debate, dimension))
        for dimension in Dimension
        if dimension in wanted and dimension in ASKED
    }


async def _find(context: JobContext, wish: Wish, debate: Outbound | None, dimension: Dimension) -> Outcome:
    from analysis_worker.engines.openai.engine import find

    if debate is None:
        return DegradedReason.NO_KEY if wish.expressly else None
    return await asked(context, wish, lambda client, models: find(client, models, debate, dimension))


async def asked(
    context: JobContext, wish: Wish, ask: Callable[[Client, Models], Awaitable[T]]
) -> T | DegradedReason | None:
    """Return what `ask` returns, why it could not, or None where there was nothing to ask.

    What it raises ends the attempt, as the job wishes it.
    """
    from analysis_worker.engines.openai.asking import Client
    from analysis_worker.engines.openai.engine import Models, NothingToAsk

    access, paid = context.models, context.paid
    if access is None or paid is None:
        return DegradedReason.NO_KEY if wish.expressly else None
    client = Client(
        access.adapter,
        paid,
        context.tenant,
        context.job_id,
        context.attempt,
        context.batch_id,
        wish.force_refresh,
    )
    models = Models(access.table, wish.model or access.model, wish.fall_back)
    try:
        return await ask(client, models)
    except OriginalInPayload:
        return DegradedReason.PRIVACY
    except OutboundForbidden:
        return DegradedReason.OUTBOUND_FORBIDDEN
    except NothingToAsk:
        return None
    except (ProviderFailure, CallHeld, BudgetSpent, ModelUnknown, PriceUnknown) as error:
        if wish.degrade or (isinstance(error, ProviderFailure) and _final(error)):
            return reason_of(error)
        _give_up(context, error)


def _final(failure: ProviderFailure) -> bool:
    """Say whether to ask again would bring the same: the local engine is all that is left."""
    return failure.error_class in (
        ErrorClass.CONTENT_POLICY,
        ErrorClass.INVALID_OUTPUT,
        ErrorClass.INVALID_INPUT,
    )


def reason_of(error: Exception) -> DegradedReason:
    """Return what the result says of a failure."""
    match error:
        case CallHeld():
            if "BUDGET" in error.reason:
                return DegradedReason.BUDGET
            circuit = "CIRCUIT" in error.reason
            return DegradedReason.CIRCUIT_OPEN if circuit else DegradedReason.RATE_LIMITED
        case BudgetSpent() | PriceUnknown():
            return DegradedReason.BUDGET
        case ContentRefused():
            return DegradedReason.CONTENT_FILTER
        case ProviderFailure():
            return _BY_CLASS.get(error.error_class, DegradedReason.UNAVAILABLE)
    return DegradedReason.UNAVAILABLE


def _give_up(context: JobContext, error: Exception) -> NoReturn:
    """End the attempt: the job waits where there is something to wait for, and fails with a way out."""
    match error:
        case CallHeld():
            context.snooze(max(0, error.until_ms - time.time_ns() // 1_000_000), error.reason)
        case ProviderFailure():
            raise AttemptFailed(
                error.error_class,
                error.reason,
                "the model could not be asked",
                suggestion="see the provider's state with `bothsides circuits`, or let the job degrade "
                "to the local engine with on_unavailable=DEGRADE",
                retry_after_ms=error.retry_after_ms,
            ) from None
    raise AttemptFailed(
        ErrorClass.INVALID_INPUT,
        "MODEL_NOT_USABLE",
        "the budget, or what is known of the model, does not allow this call",
        suggestion="raise the budget, name another language_model, or use on_unavailable=DEGRADE",
    ) from None
