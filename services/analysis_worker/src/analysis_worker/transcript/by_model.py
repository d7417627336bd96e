"""Asks models for dimensions while the local engine works, and decides what follows from their failures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from analysis_worker.domain.provenance import DegradedReason, Dimension, PassedOver
from analysis_worker.engines.openai.departures import Departures
from analysis_worker.engines.openai.reasons import reason_of
from analysis_worker.paid.port import BudgetSpent, CallHeld, OutboundForbidden
from analysis_worker.privacy.placeholders import OriginalInPayload
from analysis_worker.runtime.context import JobContext
from analysis_worker.transcript.giving_up import give_up
from analysis_worker.transcript.screening import Screen
from bothsides.jobs import v1 as pb
from common.job.model import ErrorClass
from common.provider.errors import ProviderFailure
from common.provider.models import ModelUnknown, PriceUnknown

if TYPE_CHECKING:
    from analysis_worker.engines.openai.asking import Client
    from analysis_worker.engines.openai.findings import Found
    from analysis_worker.engines.openai.in_turn import Models
    from analysis_worker.engines.openai.outbound import Outbound

T = TypeVar("T")
#: The dimensions that are asked for.
ASKED: Final = frozenset({Dimension.TONE, Dimension.TOPICS, Dimension.ARGUMENTS, Dimension.QUALITY})
#: What a model found, why it found nothing, or None where there was nothing to ask.
Outcome: TypeAlias = "Found | Unanswered | None"
_Spec = pb.TranscriptAnalysisSpec


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No model gave a dimension."""

    reason: DegradedReason
    #: Those that were asked, and why each gave nothing.
    passed_over: tuple[PassedOver, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What a job wants of models."""

    model: str = ""
    force_refresh: bool = False
    #: Models to go on with; None: the fallbacks that the table gives the first.
    others: tuple[str, ...] | None = None
    #: The most that the job's calls may cost (millionths of a dollar); 0: no such bound.
    max_cost_micro_usd: int = 0
    fall_back: bool = True
    degrade: bool = True
    #: The result is to say so if no model was asked.
    expressly: bool = False

    @classmethod
    def of(
        cls, spec: pb.TranscriptAnalysisSpec | pb.ReflectionProcessingSpec | pb.LearningInsightsSpec
    ) -> Wish | None:
        """Return what a spec says; None where the local engine is wanted."""
        if spec.engine == _Spec.LOCAL:
            return None
        policy = spec.on_unavailable
        return cls(
            spec.models[0] if spec.models else spec.language_model,
            spec.force_refresh,
            tuple(spec.models[1:]) if spec.models else None,
            spec.max_cost_micro_usd,
            fall_back=policy != _Spec.WAIT,
            degrade=policy in (_Spec.ON_UNAVAILABLE_UNSPECIFIED, _Spec.DEGRADE),
            expressly=spec.engine == _Spec.OPENAI,
        )


def start(
    context: JobContext,
    wish: Wish,
    debate: Outbound | None,
    wanted: Collection[Dimension],
    screen: Screen,
    departures: Departures | None = None,
) -> dict[Dimension, asyncio.Task[Outcome]]:
    """Ask for all dimensions at once. What a task raises ends the attempt, as the job wishes it."""
    return {
        dimension: asyncio.create_task(_find(context, wish, debate, dimension, screen, departures))
        for dimension in Dimension
        if dimension in wanted and dimension in ASKED
    }


async def _find(
    context: JobContext,
    wish: Wish,
    debate: Outbound | None,
    dimension: Dimension,
    screen: Screen,
    departures: Departures | None,
) -> Outcome:
    from analysis_worker.engines.openai.engine import find

    if debate is None:
        return Unanswered(DegradedReason.NO_KEY) if wish.expressly else None

    async def ask(client: Client, models: Models) -> Found:
        sent = await screen.sent(client, debate)
        return await screen.words(client, dimension, await find(client, models, sent, dimension))

    passed_over: list[PassedOver] = []
    outcome = await asked(context, wish, ask, passed_over, departures)
    return Unanswered(outcome, tuple(passed_over)) if isinstance(outcome, DegradedReason) else outcome


async def asked(
    context: JobContext,
    wish: Wish,
    ask: Callable[[Client, Models], Awaitable[T]],
    passed_over: list[PassedOver] | None = None,
    departures: Departures | None = None,
) -> T | DegradedReason | None:
    """Return what `ask` returns, why it could not, or None where there was nothing to ask.

    What it raises ends the attempt, as the job wishes it.

    Args:
        passed_over: Takes up the models that gave nothing.
        departures: Hears of each call.
    """
    from analysis_worker.engines.openai.asking import Client
    from analysis_worker.engines.openai.engine import NothingToAsk
    from analysis_worker.engines.openai.in_turn import Models

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
        wish.max_cost_micro_usd,
        wish.force_refresh,
        departures or Departures(),
    )
    tried = [] if passed_over is None else passed_over
    models = Models(access.table, wish.model or access.model, wish.fall_back, wish.others, tried)
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
        give_up(context, error)


def _final(failure: ProviderFailure) -> bool:
    """Say whether to ask again would bring the same: the local engine is all that is left."""
    return failure.error_class in (
        ErrorClass.CONTENT_POLICY,
        ErrorClass.INVALID_OUTPUT,
        ErrorClass.INVALID_INPUT,
    )
