"""What is flagged in a conversation, turn by turn."""

from __future__ import annotations

from analysis_worker.domain.conversation import Conversation
from analysis_worker.domain.safety import Safety, SafetyKind
from analysis_worker.privacy.injection import speaks_to_a_model
from common.content.lists import content_flags


def safety_of(conversation: Conversation, *, english: bool) -> Safety:
    """Return the flagged turns. Pure; never raises for what stands in a conversation."""
    found: dict[SafetyKind, list[str]] = {kind: [] for kind in SafetyKind}
    for turn in conversation.turns:
        kinds = {SafetyKind(flag.kind.value) for flag in content_flags(turn.text)} if english else set()
        if speaks_to_a_model(turn.text):
            kinds.add(SafetyKind.MODEL_INSTRUCTION)
        for kind in kinds:
            found[kind].append(turn.turn_id)
    return Safety(tuple((kind, tuple(turns)) for kind, turns in found.items() if turns), english)
