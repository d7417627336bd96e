"""Says in which topic each claim and premise stands, whoever made the topics and whoever found the claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analysis_worker.domain.arguments import Arguments
from analysis_worker.domain.topics import Topics


def placed(arguments: Arguments, topics: Topics, turn_ids: Sequence[str]) -> Arguments:
    """Return the argumentation with the ids of these topics.

    Args:
        turn_ids: Of all turns of the debate, in order.
    """
    begins = {segment.first_turn_id: segment.segment_id for segment in topics.segments}
    segments: dict[str, str] = {}
    current = ""
    for turn_id in turn_ids:
        current = begins.get(turn_id, current)
        segments[turn_id] = current
    return replace(
        arguments,
        components=tuple(
            replace(component, segment_id=segments.get(component.evidence.turn_id, ""))
            for component in arguments.components
        ),
    )
