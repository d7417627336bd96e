"""Puts a participant's insights together from what the analyses hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from analysis_worker.domain.insights import Held, LearningInsights, Looked
from analysis_worker.domain.provenance import Provenance
from analysis_worker.engines.local.insights.measures import MEASURES
from analysis_worker.engines.local.insights.narrative import narrative_of
from analysis_worker.engines.local.insights.steps import steps_of
from analysis_worker.engines.local.insights.trends import trend_of
from analysis_worker.engines.local.version import ENGINE_NAME, ENGINE_VERSION

#: Shorter contributions say little of how someone debates.
FEWEST_WORDS: Final = 300
METHOD: Final = "Theil-Sen slope, Mann-Kendall test, median of the own past, percentile among the cohort"


def insights_of(
    participant_id: str, own: Sequence[tuple[str, Held | None]], others: Sequence[Held], input_sha256: str
) -> LearningInsights:
    """Return the insights of a participant.

    Args:
        own: Conversations in order, with what their analyses hold of the participant; None for nothing.
        others: What analyses hold of other participants.
    """
    looked = tuple(_looked(conversation_id, held) for conversation_id, held in own)
    counting = [
        held
        for (_, held), conversation in zip(own, looked, strict=True)
        if held is not None and conversation.counted
    ]
    cohort: defaultdict[str, list[Held]] = defaultdict(list)
    for held in others:
        if _long_enough(held):
            cohort[held.participant_id].append(held)
    trends = tuple(trend_of(measure, counting, cohort) for measure in MEASURES)
    return LearningInsights(
        participant_id,
        looked,
        trends,
        steps_of(trends, counting),
        narrative_of(looked, trends),
        _provenance("template", input_sha256),
        _provenance(METHOD, input_sha256),
        len(cohort),
    )


def _looked(conversation_id: str, held: Held | None) -> Looked:
    if held is None:
        return Looked(conversation_id, None, False, "no analysis with the participant as a debater is kept")
    if held.words is None:
        return Looked(conversation_id, None, False, "the analysis does not say how much was said")
    if not _long_enough(held):
        return Looked(conversation_id, held.words, False, f"fewer than {FEWEST_WORDS} words")
    return Looked(conversation_id, held.words, True)


def _long_enough(held: Held) -> bool:
    return held.words is not None and held.words >= FEWEST_WORDS


def _provenance(method: str, input_sha256: str) -> Provenance:
    return Provenance(None, ENGINE_NAME, ENGINE_VERSION, method, input_sha256)
