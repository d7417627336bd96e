"""Puts what a model found in a reflection in the place of what phrases show. Evidence is copied by code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from analysis_worker.domain.metric import Evidence, rounded
from analysis_worker.domain.provenance import Provenance
from analysis_worker.domain.reflection import (
    Depth,
    Feedback,
    FeedbackKind,
    Indicator,
    Reference,
    ReflectionAnalysis,
)
from analysis_worker.engines.openai.findings import ENGINE_NAME, ENGINE_VERSION
from analysis_worker.engines.openai.reflections.answers import Level
from analysis_worker.engines.openai.reflections.reading import ReflectionFound
from analysis_worker.engines.openai.reflections.written import Written
from analysis_worker.engines.openai.wording import kept

#: Raters of the signs of reflection agree with a kappa of 0.5 to 0.85 (Ullmann 2019): no model is taken to be
#: surer before it was measured.
_CEILING: Final = 0.6
#: Readings that are so many levels apart say nothing.
_APART: Final = 2
_DEPTHS: Final[dict[Level, Depth]] = {
    "habitual_action": Depth.HABITUAL_ACTION,
    "understanding": Depth.UNDERSTANDING,
    "reflection": Depth.REFLECTION,
    "critical_reflection": Depth.CRITICAL_REFLECTION,
}
#: The order in which signs and remarks are reported.
_SIGNS: Final = (
    "experience",
    "feelings",
    "personal_belief",
    "awareness_of_difficulties",
    "perspective",
    "lessons_learned",
    "future_intentions",
)


def combined(local: ReflectionAnalysis, reflection: Written, found: ReflectionFound) -> ReflectionAnalysis:
    """Return the reading as the model has it; tone and overlap stay the local engine's."""
    debate, answer = reflection.debate, found.answer
    lines = {line.sid: line for line in debate.lines}
    place = {line.sid: number for number, line in enumerate(debate.lines)}

    def evidence(sids: Sequence[str], *, own: bool = True) -> tuple[Evidence, ...]:
        ordered = sorted(set(sids), key=place.__getitem__)
        return tuple(lines[sid].evidence for sid in ordered if (lines[sid].turn == reflection.turn) is own)

    def words(text: str, sids: Sequence[str]) -> str:
        return kept(debate, text, [lines[sid] for sid in sids])

    depth, confidence, why = _depth(local, reflection, found)
    signs = {sign.name: sign.sids for sign in answer.signs}
    remarks = {remark.kind: remark for remark in answer.feedback}
    return replace(
        local,
        depth=depth,
        confidence=confidence,
        why=why,
        indicators=tuple(Indicator(name, evidence(signs[name])) for name in _SIGNS if name in signs),
        references=tuple(
            Reference(
                lines[link.sid].evidence, lines[link.said].evidence, debate.people[lines[link.said].speaker]
            )
            for link in sorted(answer.references, key=lambda link: (place[link.sid], place[link.said]))
        ),
        feedback=tuple(
            Feedback(
                kind,
                words(remark.text, remark.sids),
                evidence(remark.sids),
                evidence(remark.sids, own=False),
            )
            for kind, remark in ((kind, remarks.get(kind.value)) for kind in FeedbackKind)
            if remark is not None
        ),
        prompts=tuple(words(question.text, question.sids) for question in answer.prompts) or local.prompts,
        provenance=Provenance(
            dimension=None,
            engine=ENGINE_NAME,
            engine_version=ENGINE_VERSION,
            method=found.method,
            input_sha256=local.provenance.input_sha256,
            model=found.model,
            prompt_sha256=found.prompt_sha256,
            prompts=found.prompts,
        ),
    )


def _depth(
    local: ReflectionAnalysis, reflection: Written, found: ReflectionFound
) -> tuple[Depth, float, str]:
    """Return the lower of two readings that agree, how sure, and why.

    What an author wrote to please the reader moves both readings. So the wording has a say: of a level that
    is far from what phrases show, nothing is said. In languages without phrases that cannot be told, and the
    depth is half as sure.
    """
    first, second = found.answer.depth, found.again
    if first.depth is None or second.depth is None:
        return Depth.UNKNOWN, 0.0, "Abstained: the model did not give a depth both times."
    levels = sorted((_DEPTHS[first.depth], _DEPTHS[second.depth]))
    apart = levels[1] - levels[0]
    if apart >= _APART:
        return Depth.UNKNOWN, 0.0, f"Abstained: two readings are {apart} levels apart."
    shown = local.depth
    if shown is not Depth.UNKNOWN and abs(levels[0] - shown) >= _APART:
        away = abs(levels[0] - shown)
        return Depth.UNKNOWN, 0.0, f"Abstained: the reading is {away} levels from what its phrases show."
    sure = _CEILING * (1 - apart / len(_DEPTHS))
    said = first if _DEPTHS[first.depth] == levels[0] else second
    confidence = sure if shown is not Depth.UNKNOWN else sure / 2
    shown_by = [line for line in reflection.debate.lines if line.sid in said.sids]
    return levels[0], rounded(confidence), kept(reflection.debate, said.why, shown_by)
