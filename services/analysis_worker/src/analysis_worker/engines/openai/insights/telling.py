"""Has a model tell a participant's trends in words, and puts them in the place of the template's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from analysis_worker.domain.insights import LearningInsights, Remark
from analysis_worker.domain.provenance import PromptVersion, Provenance
from analysis_worker.engines.openai.asking import Client, ask
from analysis_worker.engines.openai.engine import MOST_DROPPED, TooManyDropped
from analysis_worker.engines.openai.findings import ENGINE_NAME, ENGINE_VERSION
from analysis_worker.engines.openai.in_turn import Models, first_that_answers
from analysis_worker.engines.openai.insights.answers import FIELDS, InsightsAnswer, check
from analysis_worker.engines.openai.insights.facts import Facts
from analysis_worker.engines.openai.prompts import prompt_sha256, prompt_versions
from common.provider.models import ModelCard

PROMPT: Final = "insights"


@dataclass(frozen=True, slots=True)
class Told:
    """What a model said, verified."""

    answer: InsightsAnswer = field(repr=False)
    model: str
    prompt_sha256: str
    facts: int
    items: int
    dropped: int
    prompts: tuple[PromptVersion, ...] = ()

    @property
    def method(self) -> str:
        """How it came about, with the counts."""
        return (
            f"a model was given {self.facts} measures and no text; its numbers and directions were checked, "
            f"{self.dropped} of {self.items} remarks dropped"
        )


async def tell(client: Client, models: Models, facts: Facts) -> Told:
    """Return what a model says of the facts.

    Raises:
        ProviderFailure: Nothing that could be used.
        CallHeld: Not now; or BudgetSpent: not at all.
        ModelUnknown: The table does not have the model.
    """
    return await first_that_answers(models, partial(_tell, client, facts))


async def _tell(client: Client, facts: Facts, card: ModelCard) -> Told:
    checked = await ask(client, card, PROMPT, (facts.text(),), InsightsAnswer, partial(check, facts))
    dropped = min(checked.items, len(checked.violations))
    if dropped > MOST_DROPPED * checked.items or not checked.answer.summary:
        raise TooManyDropped(f"{dropped} of {checked.items} remarks broke a rule")
    digest = prompt_sha256(PROMPT)
    prompts = prompt_versions(PROMPT)
    return Told(checked.answer, card.name, digest, len(facts.facts), checked.items, dropped, prompts)


def with_words(insights: LearningInsights, facts: Facts, told: Told) -> LearningInsights:
    """Return insights with a model's narrative in the place of the template's."""
    metrics = {fact.fid: fact.trend.metric for fact in facts.facts}
    remarks = tuple(
        Remark(kind, " ".join(remark.text.split()), tuple(metrics[fid] for fid in remark.facts))
        for name, kind in FIELDS.items()
        for remark in getattr(told.answer, name)
    )
    made = Provenance(
        None,
        ENGINE_NAME,
        ENGINE_VERSION,
        told.method,
        insights.narrative_provenance.input_sha256,
        told.model,
        told.prompt_sha256,
        prompts=told.prompts,
    )
    return replace(
        insights,
        remarks=remarks,
        narrative=" ".join(remark.text for remark in remarks),
        narrative_provenance=made,
    )
