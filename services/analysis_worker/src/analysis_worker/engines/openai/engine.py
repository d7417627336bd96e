"""Asks models for the dimensions that a model sees better, and says why where it got none.

Recovery, by what went wrong: what fails in passing is asked once more; an answer that breaks rules is
repaired once, then its wrong items are dropped; a window too long for the model is halved; a model that is
away gives way to the next (in_turn); and where a fifth of the items had to be dropped, nothing is taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from analysis_worker.domain.result import Dimension
from analysis_worker.engines.openai.asking import Client, Question, ask_window
from analysis_worker.engines.openai.findings import ArgumentsFound, Found, QualityFound
from analysis_worker.engines.openai.in_turn import Models, first_that_answers
from analysis_worker.engines.openai.outbound import Outbound, windows
from analysis_worker.engines.openai.prompts import prompt_sha256
from analysis_worker.engines.openai.schemas import (
    ArgumentsAnswer,
    Checked,
    QualityAnswer,
    check_arguments,
    check_quality,
)
from common.provider.errors import ContextTooLong, InvalidOutput
from common.provider.models import ModelCard

T = TypeVar("T", bound=BaseModel)
#: A window (tokens of its text and ids); half of it if the model finds that too long.
WINDOW_TOKENS: Final = 6_000
#: With more items dropped than this share, nothing is taken.
MOST_DROPPED: Final = 0.2
_ARGUMENTS: Final = Question("arguments", ArgumentsAnswer, check_arguments)
_QUALITY: Final = tuple(
    Question("quality", QualityAnswer, check_quality(swapped), swapped) for swapped in (False, True)
)


class TooManyDropped(InvalidOutput):
    """So many items broke a rule that the others are not to be trusted."""

    reason = "ITEMS_REJECTED"


class NothingToAsk(Exception):
    """The debate has no sentence that could be sent."""


async def find(client: Client, models: Models, debate: Outbound, dimension: Dimension) -> Found:
    """Return what a model finds of arguments or quality.

    Raises:
        ProviderFailure: None that could be used.
        CallHeld: Not now; or BudgetSpent, or OriginalInPayload: not at all.
        ModelUnknown: The table does not have the model.
        NothingToAsk: There is no sentence.
    """

    async def of(card: ModelCard) -> Found:
        try:
            return await _find(client, card, debate, dimension, WINDOW_TOKENS)
        except ContextTooLong:
            return await _find(client, card, debate, dimension, WINDOW_TOKENS // 2)

    found = await first_that_answers(models, of)
    return replace(found, passed_over=tuple(models.passed_over))


async def _find(
    client: Client, card: ModelCard, debate: Outbound, dimension: Dimension, window_tokens: int
) -> Found:
    parts = windows(debate, window_tokens)
    if not parts:
        raise NothingToAsk
    checked: list[Checked[ArgumentsAnswer]] | list[Checked[QualityAnswer]]
    findings: ArgumentsFound | QualityFound
    if dimension is Dimension.ARGUMENTS:
        arguments = await _all([ask_window(client, card, debate, part, _ARGUMENTS) for part in parts])
        findings = ArgumentsFound(tuple(each.answer for each in arguments))
        checked = arguments
    else:
        asked = [ask_window(client, card, debate, part, run) for run in _QUALITY for part in parts]
        ratings = await _all(asked)
        runs = ratings[: len(parts)], ratings[len(parts) :]
        first, second = (tuple(rating for each in run for rating in each.answer.ratings) for run in runs)
        findings = QualityFound((first, second))
        checked = ratings
    items = sum(each.items for each in checked)
    dropped = sum(min(each.items, len(each.violations)) for each in checked)
    if dropped > MOST_DROPPED * items:
        raise TooManyDropped(f"{dropped} of {items} items broke a rule")
    digest = prompt_sha256(dimension.value)
    return Found(findings, card.name, digest, len(parts), items, dropped, debate.withheld)


async def _all(calls: Sequence[Coroutine[Any, Any, Checked[T]]]) -> list[Checked[T]]:
    """Return all answers. One call that fails ends the others; what they paid for is kept behind the port."""
    tasks = [asyncio.create_task(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
