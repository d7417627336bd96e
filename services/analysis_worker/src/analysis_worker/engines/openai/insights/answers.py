"""What a model may say of a participant's trends, and the checks that no schema can make."""

from __future__ import annotations

import re
from typing import Final

from analysis_worker.domain.insights import RemarkKind
from analysis_worker.engines.openai.insights.claims import wrong_direction, wrong_number
from analysis_worker.engines.openai.insights.facts import Fact, Facts
from analysis_worker.engines.openai.schemas import Checked, Strict
from analysis_worker.engines.openai.wording import names_a_speaker, not_plain
from analysis_worker.privacy.detector import Detector
from analysis_worker.privacy.placeholders import PLACEHOLDER
from common.content.lists import content_flags

#: Remarks of a kind.
MOST_REMARKS: Final = 3
_MOST_FACTS: Final = 4
_LONGEST: Final = 320
#: A capital that says nothing: the first of a sentence.
_BEGINNING: Final = re.compile(r"(?:^|[.!?:]\s+)[A-Z]")


class SaidRemark(Strict):
    facts: list[str]
    text: str


class InsightsAnswer(Strict):
    summary: list[SaidRemark]
    strengths: list[SaidRemark]
    growth: list[SaidRemark]
    advice: list[SaidRemark]


#: The fields of an answer, and what their remarks are for.
FIELDS: Final = {
    "summary": RemarkKind.SUMMARY,
    "strengths": RemarkKind.STRENGTH,
    "growth": RemarkKind.GROWTH,
    "advice": RemarkKind.ADVICE,
}


def check(facts: Facts, answer: InsightsAnswer) -> Checked[InsightsAnswer]:
    """Keep the remarks that say what the facts they name show."""
    wrong: list[str] = []
    kept: dict[str, list[SaidRemark]] = {}
    listed = 0
    for name, kind in FIELDS.items():
        remarks: list[SaidRemark] = kept.setdefault(name, [])
        said: list[SaidRemark] = getattr(answer, name)
        listed += len(said)
        for place, remark in enumerate(said):
            problem = _problem(facts, kind, remark)
            if not problem and len(remarks) == MOST_REMARKS:
                problem = "is one too many"
            if problem:
                wrong.append(f"{name}[{place}] {problem}")
            else:
                remarks.append(remark)
    if not answer.summary:
        wrong.append("summary is empty")
    return Checked(InsightsAnswer(**kept), max(1, listed), tuple(wrong))


def _problem(facts: Facts, kind: RemarkKind, remark: SaidRemark) -> str:
    named = facts.named(remark.facts)
    known = [fact for fact in named if fact is not None]
    if len(known) != len(named) or not 1 <= len(named) <= _MOST_FACTS or len(set(remark.facts)) != len(named):
        return f"names no fact, more than {_MOST_FACTS}, an unknown one, or one twice"
    problem = _not_of_kind(facts, kind, known) or not_plain(remark.text, longest=_LONGEST)
    if problem:
        return problem
    if PLACEHOLDER.search(remark.text) or "[" in remark.text or names_a_speaker(remark.text):
        return "names somebody, or has brackets"
    inner = _BEGINNING.sub(lambda match: match.group().lower(), remark.text)
    if Detector([inner]).find(inner):
        return "has what looks like a name or other personal data"
    if content_flags(remark.text):
        return "has words that nobody should read"
    advises = kind is RemarkKind.ADVICE
    problem = wrong_number(remark.text, known, (facts.looked, facts.counted), in_words=not advises)
    return problem or ("" if advises else wrong_direction(remark.text, known))


def _not_of_kind(facts: Facts, kind: RemarkKind, named: list[Fact]) -> str:
    if kind is RemarkKind.STRENGTH and not all(fact.good for fact in named):
        return "names a fact that is not good"
    if kind is RemarkKind.GROWTH and not all(fact.to_gain for fact in named):
        return "names a fact where nothing is to gain"
    if kind is RemarkKind.ADVICE:
        if any(fact.to_gain for fact in facts.facts):
            return "" if all(fact.to_gain for fact in named) else "names a fact where nothing is to gain"
        if not all(fact.measure.better for fact in named):
            return "names a fact of which neither more nor less is better"
    return ""
