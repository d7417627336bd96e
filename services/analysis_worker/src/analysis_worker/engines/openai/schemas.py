"""What the model may say, and the checks that no schema can make. Evidence is named, never written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from analysis_worker.engines.openai.outbound import Outbound, Window, aliases
from analysis_worker.engines.openai.wording import problem_with, suspicion_of

T = TypeVar("T", bound=BaseModel)
_MAX_SIDS: Final = 6


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    def __reduce__(self) -> tuple[Any, ...]:
        # Item by item, an answer would take eight times as long to pickle and to read.
        return _from_json, (type(self), self.model_dump_json())


def _from_json(model: type[Strict], text: str) -> Strict:
    return model.model_validate_json(text)


class SaidComponent(Strict):
    sid: str
    kind: Literal["claim", "premise"]


class SaidRelation(Strict):
    source: str
    target: str
    kind: Literal["support", "attack"]


class SaidFallacy(Strict):
    why: str
    sid: str
    kind: Literal[
        "ad_hominem",
        "appeal_to_emotion",
        "appeal_to_authority",
        "false_cause",
        "slippery_slope",
        "straw_man",
        "false_dilemma",
        "hasty_generalization",
        "circular_reasoning",
        "red_herring",
    ]


class ArgumentsAnswer(Strict):
    components: list[SaidComponent]
    relations: list[SaidRelation]
    fallacies: list[SaidFallacy]


class SaidRating(Strict):
    speaker: str
    part: Literal["cogency", "effectiveness", "reasonableness", "deliberation"]
    why: str
    sids: list[str]
    score: int


class QualityAnswer(Strict):
    ratings: list[SaidRating]


@dataclass(frozen=True, slots=True)
class Checked(Generic[T]):
    """An answer without the items that break a rule, and the rules that they broke, by place."""

    answer: T = field(repr=False)
    #: How many items were there.
    items: int
    violations: tuple[str, ...] = field(repr=False)


def check_arguments(debate: Outbound, window: Window, answer: ArgumentsAnswer) -> Checked[ArgumentsAnswer]:
    """Keep what names debaters' sentences of this window, each once, and relations between two of these."""
    wrong: list[str] = []
    components: dict[str, SaidComponent] = {}
    for place, component in enumerate(answer.components):
        problem = _not_a_debaters(debate, window, component.sid)
        if component.sid in components:
            problem = "is listed twice"
        if problem:
            wrong.append(f"components[{place}].sid {problem}")
        else:
            components[component.sid] = component
    relations: list[SaidRelation] = []
    for place, relation in enumerate(answer.relations):
        if relation.source == relation.target:
            wrong.append(f"relations[{place}] goes from a sentence to itself")
        elif not {relation.source, relation.target} <= components.keys():
            wrong.append(f"relations[{place}] has an end that is no component")
        else:
            relations.append(relation)
    fallacies: list[SaidFallacy] = []
    suspicion = suspicion_of(fallacy.why for fallacy in answer.fallacies)
    for place, fallacy in enumerate(answer.fallacies):
        problem = _not_a_debaters(debate, window, fallacy.sid) or problem_with(
            debate, fallacy.why, [window.line(fallacy.sid)], suspicion=suspicion
        )
        if problem:
            wrong.append(f"fallacies[{place}] {problem}")
        else:
            fallacies.append(fallacy)
    kept = ArgumentsAnswer(components=list(components.values()), relations=relations, fallacies=fallacies)
    items = len(answer.components) + len(answer.relations) + len(answer.fallacies)
    return Checked(kept, items, tuple(wrong))


def check_quality(swapped: bool) -> Callable[[Outbound, Window, QualityAnswer], Checked[QualityAnswer]]:
    """Return the check of ratings: of debaters, from 1 to 5, shown by sentences of their own."""

    def check(debate: Outbound, window: Window, answer: QualityAnswer) -> Checked[QualityAnswer]:
        back = aliases(debate) if swapped else {speaker: speaker for speaker in debate.people}
        wrong: list[str] = []
        kept: dict[tuple[str, str], SaidRating] = {}
        suspicion = suspicion_of(rating.why for rating in answer.ratings)
        for place, rating in enumerate(answer.ratings):
            speaker = back.get(rating.speaker, "")
            lines = [window.line(sid) for sid in rating.sids]
            if speaker not in debate.debaters:
                problem = "rates nobody who debates"
            elif not 1 <= rating.score <= 5:
                problem = "has a score outside 1 to 5"
            elif not 1 <= len(lines) <= _MAX_SIDS:
                problem = f"names none or more than {_MAX_SIDS} sentences"
            elif any(line is None or line.speaker != speaker for line in lines):
                problem = "names a sentence that is not the debater's in the last message"
            elif (speaker, rating.part) in kept:
                problem = "is given twice"
            else:
                problem = problem_with(debate, rating.why, lines, suspicion=suspicion)
            if problem:
                wrong.append(f"ratings[{place}] {problem}")
            else:
                kept[speaker, rating.part] = (
                    rating.model_copy(update={"speaker": speaker}) if swapped else rating
                )
        return Checked(QualityAnswer(ratings=list(kept.values())), len(answer.ratings), tuple(wrong))

    return check


def _not_a_debaters(debate: Outbound, window: Window, sid: str) -> str:
    line = window.line(sid)
    if line is None:
        return "is no sentence of the last message"
    return "" if line.speaker in debate.debaters else "is no debater's sentence"
