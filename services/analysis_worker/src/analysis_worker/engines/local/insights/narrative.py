"""Tells trends in plain sentences, by a template: the narrative where no model writes one."""

from __future__ import annotations

from collections.abc import Sequence

from analysis_worker.domain.insights import Looked, Trend, Verdict
from analysis_worker.engines.local.insights.measures import BY_NAME
from analysis_worker.engines.local.insights.steps import shown
from analysis_worker.engines.local.insights.trends import FEWEST_CONVERSATIONS

_HEADS = {
    Verdict.IMPROVING: "Improving",
    Verdict.DECLINING: "Declining",
    Verdict.CHANGING: "Changing",
}


def narrative_of(conversations: Sequence[Looked], trends: Sequence[Trend]) -> str:
    """Return the trends in words."""
    counted = sum(looked.counted for looked in conversations)
    if counted < FEWEST_CONVERSATIONS:
        return (
            f"{counted} of {len(conversations)} conversations are long enough to count; "
            f"{FEWEST_CONVERSATIONS} are needed to tell a trend."
        )
    sentences = [f"{counted} of {len(conversations)} conversations count."]
    for verdict, head in _HEADS.items():
        told = [_told(trend) for trend in trends if trend.verdict is verdict]
        if told:
            sentences.append(f"{head}: {'; '.join(told)}.")
    steady = sum(trend.verdict is Verdict.STEADY for trend in trends)
    if steady:
        what = "one measure shows" if steady == 1 else f"{steady} measures show"
        sentences.append(f"{what[0].upper()}{what[1:]} no trend that chance could not have made.")
    few = sum(trend.verdict is Verdict.INSUFFICIENT_DATA for trend in trends)
    if few:
        sentences.append(f"Too few conversations hold {few} of the measures.")
    return " ".join(sentences)


def _told(trend: Trend) -> str:
    return f"{BY_NAME[trend.metric].words}, from {shown(trend.first.value)} to {shown(trend.last.value)}"
