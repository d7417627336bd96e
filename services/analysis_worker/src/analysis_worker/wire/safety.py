"""Writes what was flagged, and what was done about it, to the wire."""

from __future__ import annotations

from typing import Final

from analysis_worker.domain.safety import Moderation, Safety, SafetyAction, SafetyKind, SafetySource
from analysis_worker.wire.metric import dimension_to_pb
from bothsides.jobs import v1 as pb

#: Turns that are named for each kind of flag.
_MOST_FLAGGED: Final = 50
_SAFETY_KINDS: Final = {
    SafetyKind.PROFANITY: pb.Safety.PROFANITY,
    SafetyKind.SLUR: pb.Safety.SLUR,
    SafetyKind.THREAT: pb.Safety.THREAT,
    SafetyKind.MODEL_INSTRUCTION: pb.Safety.MODEL_INSTRUCTION,
    SafetyKind.HARASSMENT: pb.Safety.HARASSMENT,
    SafetyKind.HATE: pb.Safety.HATE,
    SafetyKind.SELF_HARM: pb.Safety.SELF_HARM,
    SafetyKind.SEXUAL: pb.Safety.SEXUAL,
    SafetyKind.VIOLENCE: pb.Safety.VIOLENCE,
    SafetyKind.ILLICIT: pb.Safety.ILLICIT,
    SafetyKind.OTHER: pb.Safety.OTHER,
}
_SAFETY_SOURCES: Final = {
    SafetySource.LISTS: pb.Safety.LISTS,
    SafetySource.MODERATION: pb.Safety.MODERATION,
}
_SAFETY_ACTIONS: Final = {
    SafetyAction.FLAGGED: pb.Safety.FLAGGED,
    SafetyAction.MASKED: pb.Safety.MASKED,
    SafetyAction.REFUSED: pb.Safety.REFUSED,
    SafetyAction.WITHHELD: pb.Safety.WITHHELD,
}
_MODERATION: Final = {
    Moderation.NOT_ASKED: pb.Safety.MODERATION_UNSPECIFIED,
    Moderation.ASKED: pb.Safety.ASKED,
    Moderation.FAILED_OPEN: pb.Safety.FAILED_OPEN,
    Moderation.FAILED_CLOSED: pb.Safety.FAILED_CLOSED,
}


def safety_to_pb(safety: Safety) -> pb.Safety:
    """Write what is flagged; of turns of one kind the first 50 are named."""
    return pb.Safety(
        english=safety.english,
        flagged=(
            pb.Safety.Flagged(
                kind=_SAFETY_KINDS[each.kind],
                turn_count=len(each.turn_ids),
                turn_ids=each.turn_ids[:_MOST_FLAGGED],
                source=_SAFETY_SOURCES[each.source],
                action=_SAFETY_ACTIONS[each.action],
            )
            for each in safety.flagged
        ),
        flagged_words=(
            pb.Safety.FlaggedWords(
                kind=_SAFETY_KINDS[each.kind],
                source=_SAFETY_SOURCES[each.source],
                action=_SAFETY_ACTIONS[each.action],
                dimension=dimension_to_pb(each.dimension) if each.dimension else pb.DIMENSION_UNSPECIFIED,
                text_count=each.count,
            )
            for each in safety.words
        ),
        moderation=_MODERATION[safety.moderation],
        motion_kinds=sorted(_SAFETY_KINDS[kind] for kind in safety.motion),
    )
