"""Asks a model to read a reflection: once for all there is to say of it, and once more for its depth.

The second question puts the levels in the opposite order: a model that follows their order, and not the text,
disagrees with itself.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Final

from analysis_worker.domain.provenance import PromptVersion
from analysis_worker.engines.openai.asking import Client, Question, ask_window
from analysis_worker.engines.openai.engine import (
    MOST_DROPPED,
    NothingToAsk,
    TooManyDropped,
)
from analysis_worker.engines.openai.in_turn import Models, first_that_answers
from analysis_worker.engines.openai.outbound import Window
from analysis_worker.engines.openai.prompts import prompt_sha256, prompt_versions
from analysis_worker.engines.openai.reflections.answers import DepthAnswer, Reading, ReflectionAnswer
from analysis_worker.engines.openai.reflections.written import (
    Written,
    long_enough,
    window_of,
)
from common.provider.errors import ContextTooLong
from common.provider.models import ModelCard
from common.provider.planning import DEBATE_TOKENS

WHOLE: Final = "reflection"
DEPTH: Final = "reflection_depth"


@dataclass(frozen=True, slots=True)
class ReflectionFound:
    """What a model found, verified, and from how much."""

    answer: ReflectionAnswer
    #: The second reading of the depth.
    again: DepthAnswer
    model: str
    prompt_sha256: str
    items: int
    dropped: int
    #: Sentences of the debate that were sent, and how many it has.
    sent: int
    said: int
    withheld: int
    prompts: tuple[PromptVersion, ...]

    @property
    def method(self) -> str:
        """How it came about, with the counts."""
        return (
            f"asked a model sentence by id, depth twice, {self.dropped} of {self.items} items dropped by "
            f"checks, {self.sent} of {self.said} sentences of the debate sent, {self.withheld} withheld; "
            "tone and overlap by the local engine"
        )


async def find_in_reflection(client: Client, models: Models, reflection: Written) -> ReflectionFound:
    """Return what a model finds in a reflection.

    Raises:
        ProviderFailure: None that could be used.
        CallHeld: Not now; or BudgetSpent, or OriginalInPayload: not at all.
        ModelUnknown: The table does not have the model.
        NothingToAsk: Too little was written, or may be sent.
    """
    if not long_enough(reflection):
        raise NothingToAsk

    async def of(card: ModelCard) -> ReflectionFound:
        try:
            return await _find(client, card, reflection, window_of(reflection, DEBATE_TOKENS))
        except ContextTooLong:
            return await _find(client, card, reflection, window_of(reflection, 0))

    return await first_that_answers(models, of)


async def _find(client: Client, card: ModelCard, reflection: Written, window: Window) -> ReflectionFound:
    reading = Reading(reflection.turn)
    debate = reflection.debate
    tasks = (
        asyncio.create_task(
            ask_window(client, card, debate, window, Question(WHOLE, ReflectionAnswer, reading.check))
        ),
        asyncio.create_task(
            ask_window(client, card, debate, window, Question(DEPTH, DepthAnswer, reading.check_depth))
        ),
    )
    try:
        whole, again = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    items = whole.items + again.items
    dropped = sum(min(each.items, len(each.violations)) for each in (whole, again))
    if dropped > MOST_DROPPED * items:
        raise TooManyDropped(f"{dropped} of {items} items broke a rule")
    digests = "".join(map(prompt_sha256, (WHOLE, DEPTH)))
    return ReflectionFound(
        whole.answer,
        again.answer,
        card.name,
        hashlib.sha256(digests.encode()).hexdigest(),
        items,
        dropped,
        len(window.lines) - len(reflection.own),
        len(reflection.said),
        debate.withheld,
        prompt_versions(WHOLE, DEPTH),
    )
