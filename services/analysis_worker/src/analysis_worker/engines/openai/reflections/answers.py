"""What the model may say of a reflection, and the checks that no schema can make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from analysis_worker.engines.openai.outbound import Outbound, Window
from analysis_worker.engines.openai.schemas import Checked
from analysis_worker.engines.openai.wording import problem_with
from common.content.lists import content_flags

Level = Literal["habitual_action", "understanding", "reflection", "critical_reflection"]
_MAX_SIDS: Final = 6
_MAX_REFERENCES: Final = 12
_MAX_PROMPTS: Final = 3


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SaidSign(_Strict):
    sids: list[str]
    name: Literal[
        "experience",
        "feelings",
        "personal_belief",
        "awareness_of_difficulties",
        "perspective",
        "lessons_learned",
        "future_intentions",
    ]


class SaidReference(_Strict):
    sid: str
    said: str


class SaidFeedback(_Strict):
    sids: list[str]
    kind: Literal["feed_up", "feed_back", "feed_forward"]
    text: str


class SaidPrompt(_Strict):
    sids: list[str]
    text: str


class DepthAnswer(_Strict):
    why: str
    sids: list[str]
    depth: Level | None


class ReflectionAnswer(_Strict):
    signs: list[SaidSign]
    references: list[SaidReference]
    depth: DepthAnswer
    feedback: list[SaidFeedback]
    prompts: list[SaidPrompt]


@dataclass(frozen=True, slots=True)
class Reading:
    """The checks of one reflection, which is the turn `turn` of what was sent."""

    turn: int

    def check(self, debate: Outbound, window: Window, answer: ReflectionAnswer) -> Checked[ReflectionAnswer]:
        """Keep signs, references, remarks and questions that rest on sentences of the right kind."""
        wrong: list[str] = []
        signs: dict[str, SaidSign] = {}
        for place, sign in enumerate(answer.signs):
            problem = self._not_own(window, sign.sids) or ("is listed twice" if sign.name in signs else "")
            if problem:
                wrong.append(f"signs[{place}] {problem}")
            else:
                signs[sign.name] = sign
        references: dict[tuple[str, str], SaidReference] = {}
        for place, link in enumerate(answer.references):
            problem = self._not_own(window, [link.sid]) or self._not_said(window, link.said)
            if problem or len(references) == _MAX_REFERENCES or (link.sid, link.said) in references:
                wrong.append(f"references[{place}] {problem or 'is one too many'}")
            else:
                references[link.sid, link.said] = link
        feedback: dict[str, SaidFeedback] = {}
        for place, remark in enumerate(answer.feedback):
            problem = "is the second of its kind" if remark.kind in feedback else ""
            problem = problem or self._not_remark(debate, window, remark)
            if problem:
                wrong.append(f"feedback[{place}] {problem}")
            else:
                feedback[remark.kind] = remark
        prompts: list[SaidPrompt] = []
        for place, question in enumerate(answer.prompts):
            problem = self._not_remark(debate, window, question)
            if not problem and not question.text.rstrip().endswith("?"):
                problem = "asks nothing"
            if problem or len(prompts) == _MAX_PROMPTS:
                wrong.append(f"prompts[{place}] {problem or 'is one too many'}")
            else:
                prompts.append(question)
        depth = self.check_depth(debate, window, answer.depth)
        wrong += (f"depth: {problem}" for problem in depth.violations)
        kept = ReflectionAnswer(
            signs=list(signs.values()),
            references=list(references.values()),
            depth=depth.answer,
            feedback=list(feedback.values()),
            prompts=prompts,
        )
        listed = len(answer.signs) + len(answer.references) + len(answer.feedback) + len(answer.prompts)
        return Checked(kept, 1 + listed, tuple(wrong))

    def check_depth(self, debate: Outbound, window: Window, answer: DepthAnswer) -> Checked[DepthAnswer]:
        """Keep a level that is shown by the author's own sentences."""
        if answer.depth is None:
            return Checked(answer, 1, ())
        problem = self._not_own(window, answer.sids) or problem_with(
            debate, answer.why, [window.line(sid) for sid in answer.sids]
        )
        if problem:
            return Checked(answer.model_copy(update={"depth": None}), 1, (problem,))
        return Checked(answer, 1, ())

    def _not_own(self, window: Window, sids: Sequence[str]) -> str:
        lines = [window.line(sid) for sid in sids]
        if not 1 <= len(lines) <= _MAX_SIDS or len(set(sids)) != len(sids):
            return f"names none, more than {_MAX_SIDS} sentences, or one twice"
        if any(line is None or line.turn != self.turn for line in lines):
            return "names a sentence that is not the author's, in the last turn"
        return ""

    def _not_said(self, window: Window, sid: str) -> str:
        line = window.line(sid)
        return "" if line is not None and line.turn != self.turn else "names no sentence of the debate"

    def _not_remark(self, debate: Outbound, window: Window, remark: SaidFeedback | SaidPrompt) -> str:
        lines = [window.line(sid) for sid in remark.sids]
        if not 1 <= len(lines) <= _MAX_SIDS or any(line is None for line in lines):
            return f"names none, more than {_MAX_SIDS}, or unknown sentences"
        if not any(line is not None and line.turn == self.turn for line in lines):
            return "names no sentence of the last turn"
        problem = problem_with(debate, remark.text, lines)
        return problem or ("has words that nobody should read" if content_flags(remark.text) else "")
