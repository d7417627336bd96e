"""Asks models for the dimensions that a model sees better, and says why where it got none.

Recovery, by what went wrong: what fails in passing is asked once more; an answer that breaks rules is
repaired once, then its wrong items are dropped; a window too long for the model is halved; a model that is
away gives way to the next (in_turn); and where a fifth of the items had to be dropped, nothing is taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from analysis_worker.domain.result import Dimension
from analysis_worker.engines.openai.asking import Client, Question, ask_window
from analysis_worker.engines.openai.findings import (
    ArgumentsFound,
    Findings,
    Found,
    QualityFound,
    ToneFound,
    TopicsFound,
)
from analysis_worker.engines.openai.in_turn import Models, first_that_answers
from analysis_worker.engines.openai.outbound import Outbound, Way, Window, windows
from analysis_worker.engines.openai.prompts import prompt_sha256, prompt_versions
from analysis_worker.engines.openai.schemas import (
    ArgumentsAnswer,
    Checked,
    QualityAnswer,
    check_arguments,
    check_quality,
)
from analysis_worker.engines.openai.tone import ToneAnswer, check_tone
from analysis_worker.engines.openai.topics import TopicsAnswer, WindowTopics, check_topics
from common.provider.errors import ContextTooLong, InvalidOutput
from common.provider.models import ModelCard
from common.provider.planning import WINDOW_TOKENS

T = TypeVar("T", bound=BaseModel)
#: With more items dropped than this share, nothing is taken.
MOST_DROPPED: Final = 0.2
#: What is asked of every window; where there are two questions, there are two runs.
_QUESTIONS: Final[Mapping[Dimension, tuple[Question[Any], ...]]] = MappingProxyType(
    {
        Dimension.TONE: (Question("tone", ToneAnswer, check_tone, blind=True),),
        Dimension.TOPICS: (Question("topics", TopicsAnswer, check_topics),),
        Dimension.ARGUMENTS: (Question("arguments", ArgumentsAnswer, check_arguments),),
        Dimension.QUALITY: tuple(
            Question("quality", QualityAnswer, check_quality(swapped), swapped=swapped)
            for swapped in (False, True)
        ),
    }
)
#: The dimensions that can be asked for; linguistics and interaction are counted, and need no model.
ASKABLE: Final = frozenset(_QUESTIONS)


class TooManyDropped(InvalidOutput):
    """So many items broke a rule that the others are not to be trusted."""

    reason = "ITEMS_REJECTED"


class NothingToAsk(Exception):
    """The debate has no sentence that could be sent, or none of somebody who can be judged."""


def ways_of(wanted: Collection[Dimension]) -> tuple[Way, ...]:
    """Return in which ways windows are sent for some dimensions, in the order of asking."""
    questions = (question for wished, asked in _QUESTIONS.items() if wished in wanted for question in asked)
    return tuple(dict.fromkeys((question.swapped, question.blind) for question in questions))


async def find(client: Client, models: Models, debate: Outbound, dimension: Dimension) -> Found:
    """Return what a model finds of one of the dimensions that can be asked for.

    Raises:
        ProviderFailure: None that could be used.
        CallHeld: Not now; or BudgetSpent, or OriginalInPayload: not at all.
        ModelUnknown: The table does not have the model.
        NothingToAsk: There is no sentence of which an answer could be used.
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
    parts = _worth_asking(dimension, debate, windows(debate, window_tokens))
    if not parts:
        raise NothingToAsk
    questions = _questions(dimension, debate)
    checked = await _all([ask_window(client, card, debate, part, run) for run in questions for part in parts])
    items = sum(each.items for each in checked)
    dropped = sum(min(each.items, len(each.violations)) for each in checked)
    if dropped > MOST_DROPPED * items:
        raise TooManyDropped(f"{dropped} of {items} items broke a rule")
    digest = prompt_sha256(dimension.value)
    findings = _findings(dimension, parts, tuple(each.answer for each in checked))
    return Found(
        *(findings, card.name, digest, len(parts), items, dropped, debate.withheld),
        prompts=prompt_versions(dimension.value),
    )


def _questions(dimension: Dimension, debate: Outbound) -> Sequence[Question[Any]]:
    """Return what is asked of every window: once only where swapping the speakers gives the same request."""
    asked = _QUESTIONS[dimension]
    return [question for question in asked if not question.swapped or len(debate.roster) > 1]


def _worth_asking(dimension: Dimension, debate: Outbound, parts: Sequence[Window]) -> Sequence[Window]:
    """Return the windows whose answers can be used: where debaters alone are judged, those they speak in."""
    if dimension is Dimension.TOPICS:
        return parts
    judged = frozenset(debate.debaters)
    return [part for part in parts if any(line.speaker in judged for line in part.lines)]


def _findings(dimension: Dimension, parts: Sequence[Window], answers: tuple[Any, ...]) -> Findings:
    match dimension:
        case Dimension.TONE:
            return ToneFound(answers)
        case Dimension.TOPICS:
            ends = ((part.lines[0].sid, part.lines[-1].sid) for part in parts)
            return TopicsFound(
                tuple(WindowTopics(answer, *both) for answer, both in zip(answers, ends, strict=True))
            )
        case Dimension.ARGUMENTS:
            return ArgumentsFound(answers)
    runs = answers[: len(parts)], answers[len(parts) :]
    first, second = (tuple(rating for answer in run for rating in answer.ratings) for run in runs)
    return QualityFound((first, second))


async def _all(calls: Sequence[Coroutine[Any, Any, Checked[T]]]) -> list[Checked[T]]:
    """Return all answers. One call that fails ends the others; what they paid for is kept behind the port."""
    tasks = [asyncio.create_task(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
