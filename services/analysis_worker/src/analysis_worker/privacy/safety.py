"""What is flagged in a conversation, turn by turn."""

from __future__ import annotations

from analysis_worker.domain.conversation import Conversation
from analysis_worker.domain.safety import Flagged, Safety, SafetyKind
from analysis_worker.privacy.injection import ANY, speaks_to_a_model
from common.content.lists import content_flags


def safety_of(conversation: Conversation, *, english: bool) -> Safety:
    """Return the flagged turns. Pure; never raises for what stands in a conversation."""
    found: dict[SafetyKind, list[int]] = {kind: [] for kind in SafetyKind}
    suspicion = ANY.of("\n".join(turn.text for turn in conversation.turns))
    for place, turn in enumerate(conversation.turns):
        kinds = kinds_in(turn.text) if english else set()
        if speaks_to_a_model(turn.text, suspicion):
            kinds.add(SafetyKind.MODEL_INSTRUCTION)
        for kind in kinds:
            found[kind].append(place)
    flagged = (
        Flagged(kind, tuple(conversation.turns[place].turn_id for place in places), tuple(places))
        for kind, places in found.items()
        if places
    )
    motion = kinds_in(conversation.motion) if english else set()
    return Safety(tuple(flagged), english, motion=frozenset(motion))


def kinds_in(text: str) -> set[SafetyKind]:
    """Return what the lists flag in a text."""
    return {SafetyKind(flag.kind.value) for flag in content_flags(text)}
