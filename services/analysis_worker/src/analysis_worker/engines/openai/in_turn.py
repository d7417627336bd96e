"""Asks models in the order in which a job wants them, until one answers.

A model is passed over while it is away or held, where a budget wants a cheaper one, or where the debate is
too long for it. What the next model would do no better with (a refusal, a broken answer, a key that is not
taken, a budget that says wait or refuse) ends the asking.
"""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from analysis_worker.domain.provenance import PassedOver
from analysis_worker.engines.openai.reasons import reason_of
from analysis_worker.paid.port import BudgetSpent, CallHeld, CheaperModelWanted
from common.provider.errors import (
    ConnectionFailed,
    ContextTooLong,
    ModelNotFound,
    ProviderFailure,
    QuotaExhausted,
    RateLimited,
    ServerFailed,
    Timeout,
)
from common.provider.models import ModelCard, ModelTable, ModelUnknown, PriceUnknown, utc_today
from common.store.jobs import RELEASED_FOR, BlockerKind

A = TypeVar("A")
_PASSING: Final = (
    ServerFailed,
    ConnectionFailed,
    Timeout,
    ModelNotFound,
    QuotaExhausted,
    RateLimited,
    ContextTooLong,
    CheaperModelWanted,
    PriceUnknown,
)
#: What a call is held for that another model need not be held for.
_OF_THE_MODEL: Final = (BlockerKind.CIRCUIT, BlockerKind.PROVIDER_LIMIT)
#: Tokens in and out of a call by which the prices of models are compared.
_TYPICAL: Final = (8_000, 0, 2_000)


@dataclass(frozen=True, slots=True)
class Models:
    """Which models to ask, in this order."""

    table: ModelTable
    first: str
    #: Go on with others if it is away.
    fall_back: bool = True
    #: Those others; None: the fallbacks of its card.
    others: tuple[str, ...] | None = None
    #: Filled while they are asked: those that gave nothing.
    passed_over: list[PassedOver] = field(default_factory=list)
    today: Callable[[], datetime.date] = utc_today

    def cards(self) -> list[ModelCard]:
        """Return their cards, without those that the table does not have.

        Raises:
            ModelUnknown: It does not have the first, or none of a job's own list.
        """
        if self.others is None:
            first = self.table.card(self.first)
            names = (self.first, *filter(self._goes_on, first.fallbacks))
        else:
            names = (self.first, *self.others)
        if not self.fall_back:
            names = names[:1]
        cards = [self.table.cards[name] for name in names if name in self.table.cards]
        if not cards:
            raise ModelUnknown(self.first, self.table.cards)
        return cards

    def _goes_on(self, name: str) -> bool:
        """Say whether a fallback is there still; who names a model itself is told by the provider."""
        card = self.table.cards.get(name)
        return card is None or card.retires is None or self.today() < card.retires


async def first_that_answers(models: Models, ask: Callable[[ModelCard], Awaitable[A]]) -> A:
    """Return what `ask` gets of the first model that answers; `models.passed_over` has those before it.

    Raises:
        CallHeld: None answered, and one may be asked again at this time: the earliest.
        Exception: What the last one raised; or what ends the asking.
    """
    failures: list[tuple[ModelCard, Exception]] = []
    for card in models.cards():
        hindrance = next((error for of, error in failures if _hinders(error, of, card)), None)
        if hindrance is not None:
            models.passed_over.append(PassedOver(card.name, reason_of(hindrance)))
            continue
        try:
            return await ask(card)
        except (ProviderFailure, CallHeld, BudgetSpent, PriceUnknown) as error:
            models.passed_over.append(PassedOver(card.name, reason_of(error)))
            if not _passes_on(error):
                raise
            failures.append((card, error))
    held = [error for _, error in failures if isinstance(error, CallHeld)]
    if held:
        raise min(held, key=lambda error: error.until_ms)
    # That a later one is too small or too dear does not mean that the first would not answer another time.
    away = [error for _, error in failures if isinstance(error, ProviderFailure) and error.opens_circuit]
    raise away[-1] if away else failures[-1][1]


def _passes_on(error: Exception) -> bool:
    """Say whether another model may do better."""
    if isinstance(error, CallHeld):
        return RELEASED_FOR.get(error.reason) in _OF_THE_MODEL
    return isinstance(error, _PASSING)


def _hinders(error: Exception, of: ModelCard, card: ModelCard) -> bool:
    """Say whether what one model failed with is known to hinder another."""
    match error:
        case CheaperModelWanted():
            return not (of.priced and card.priced and _price(card) < _price(of))
        case ContextTooLong():
            return card.context_tokens <= of.context_tokens
    return False


def _price(card: ModelCard) -> int:
    return card.cost_micro_usd(*_TYPICAL)
