"""What a job that wants models must satisfy, and what it should cost, before a worker learns it too late.

By the scheduler's table, which should be that of the workers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

from common.errors import InvalidField
from common.provider.models import ModelCard, ModelTable
from common.provider.most import Extent, Most
from common.provider.planning import Reading
from common.provider.tokens import estimate_tokens

#: What is told of each who takes part (tokens).
_SPEAKER_TOKENS: Final = 20
#: A longer text (characters) is read on a thread: it would hold others up.
_SHORT: Final = 20_000


@dataclass(frozen=True, slots=True)
class ModelWish:
    """What a job wants of models."""

    #: Path of its spec in the request, for errors.
    field: str
    #: How often the text is asked about.
    passes: int
    #: The one that is wanted, then those to ask in its place.
    models: tuple[str, ...] = ()
    language_model: str = ""
    #: No other model is to be asked.
    one_only: bool = False
    #: Millionths of a dollar; 0: no bound.
    max_cost: int = 0
    #: What is to be read: that of a conversation, or a text of its own, on a conversation if one is named.
    conversation_id: str = ""
    text: str = ""
    #: Of what is read where that is neither.
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job should cost, and the least bound it can be created with (millionths of a dollar)."""

    cost: int
    least: int
    #: The model that the least is of.
    cheapest: str
    #: What it costs at most, by all models that may be asked; None if its text is not kept here.
    most: int | None


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said in a conversation, by how many."""

    turns: tuple[str, ...] = ()
    motion: str = ""
    speakers: int = 0


#: A tenant's conversation; None if it is not kept here.
Texts = Callable[[str, str], Awaitable[Spoken | None]]


class ModelRules:
    """Judges what jobs want of models.

    Args:
        default_model: What workers ask for jobs that name none.
    """

    def __init__(self, table: ModelTable, default_model: str, texts: Texts) -> None:
        self._table = table
        self._default = default_model
        self._texts = texts

    async def judge(self, wish: ModelWish, tenant: str) -> None:
        """Refuse what no worker could do.

        Raises:
            InvalidField: A model is not in the table, models are named in two ways, none of them has a price
                by which a bound could hold, or the bound allows no call; the message says what would do.
        """
        self._check(wish)
        if wish.max_cost:
            await self._afford(wish, tenant)

    def _check(self, wish: ModelWish) -> None:
        if wish.models and wish.language_model:
            raise InvalidField(
                f"{wish.field}.language_model", "cannot be set together with models: name it there, first"
            )
        for place, name in enumerate(wish.models):
            if name not in self._table.cards:
                raise InvalidField(f"{wish.field}.models[{place}]", self._unknown(name))
        if wish.max_cost and not any(card.priced for card in self._cards(wish)):
            named = ", ".join(wish.models) or wish.language_model or self._default
            raise InvalidField(
                _bound_of(wish),
                f"cannot be held, as the price of {named} is not known: set price_input and price_output in "
                "the file that PROVIDER_MODELS_FILE names, or name another model",
            )

    async def _afford(self, wish: ModelWish, tenant: str) -> None:
        plan = await self.plan(wish, tenant)
        if plan is not None and wish.max_cost < plan.least:
            raise InvalidField(
                _bound_of(wish),
                f"{wish.max_cost} is too little: to ask {plan.cheapest} takes at least {plan.least}, and all "
                f"should cost about {plan.cost}{_enough(plan)}; raise it, name a cheaper model, or set "
                "engine to LOCAL",
            )

    async def plan(self, wish: ModelWish, tenant: str) -> Plan | None:
        """Return what a job should cost; None where it asks nothing, or no price is known.

        A text that is not kept here counts as empty.
        """
        priced = [card for card in self._cards(wish) if card.priced]
        if not priced or not wish.passes:
            return None
        reading, most = await self._readings(wish, tenant)
        least, cheapest = min((reading.least_micro_usd(card), card.name) for card in priced)
        cost = reading.planned_micro_usd(priced[0])
        return Plan(
            cost, least, cheapest, None if most is None else max(cost, sum(map(most.micro_usd, priced)))
        )

    async def _readings(self, wish: ModelWish, tenant: str) -> tuple[Reading, Most | None]:
        if wish.tokens:
            extent = Extent(wish.tokens, 3 * wish.tokens, wish.tokens)
            return Reading(wish.tokens, 0, wish.passes), Most(extent, wish.passes)
        spoken = await self._texts(tenant, wish.conversation_id) if wish.conversation_id else Spoken()
        said = Spoken() if spoken is None else spoken
        if len(wish.text) + sum(map(len, said.turns)) <= _SHORT:
            reading, most = _measured(wish, said)
        else:
            reading, most = await asyncio.to_thread(_measured, wish, said)
        return reading, None if spoken is None else most

    def _cards(self, wish: ModelWish) -> Iterator[ModelCard]:
        """Yield the cards of the models that may be asked, as far as the table has them."""
        names = wish.models or (wish.language_model or self._default,)
        for name in names[:1] if wish.one_only else names:
            if name not in self._table.cards:
                continue
            card = self._table.cards[name]
            yield card
            if not wish.models and not wish.one_only:
                yield from (
                    self._table.cards[other] for other in card.fallbacks if other in self._table.cards
                )

    def _unknown(self, name: str) -> str:
        return (
            f"{name!r} is not in the table of models: describe it in the file that PROVIDER_MODELS_FILE "
            f"names, for the scheduler and the workers, or use one of {', '.join(sorted(self._table.cards))}"
        )


def _measured(wish: ModelWish, said: Spoken) -> tuple[Reading, Most]:
    text = "\n".join(said.turns)
    # Twice, as its names become placeholders.
    about = 2 * estimate_tokens(said.motion) + _SPEAKER_TOKENS * (1 + said.speakers)
    extent = Extent.of(said.turns)
    if wish.text:
        reading = Reading.of_reflection(wish.text, text, wish.passes)
        return reading, Most(Extent.of((wish.text,)), wish.passes, about, beside=extent)
    return Reading.of(text, wish.passes), Most(extent, wish.passes, about)


def _enough(plan: Plan) -> str:
    return "" if plan.most is None else f", and {plan.most} is enough whatever the models answer"


def _bound_of(wish: ModelWish) -> str:
    return f"{wish.field}.max_cost_micro_usd"
