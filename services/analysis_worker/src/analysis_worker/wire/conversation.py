"""Reads a conversation off the wire. Takes whatever is there; what a turn is worth is decided later."""

from __future__ import annotations

from typing import Final

from analysis_worker.domain.conversation import Conversation, Participant, Role, Turn
from bothsides.jobs import v1 as pb

_ROLES: Final = {
    pb.Participant.MODERATOR: Role.MODERATOR,
    pb.Participant.AUDIENCE: Role.AUDIENCE,
}


def conversation_from_pb(message: pb.Conversation) -> Conversation:
    """Return the domain's conversation. A role that is not set, or not known yet, is a debater's."""
    return Conversation(
        conversation_id=message.conversation_id,
        title=message.title,
        motion=message.motion,
        language=message.language,
        participants=tuple(
            Participant(
                participant_id=participant.participant_id,
                display_name=participant.display_name or participant.participant_id,
                role=_ROLES.get(participant.role, Role.DEBATER),
                side=participant.side,
            )
            for participant in message.participants
        ),
        turns=tuple(
            Turn(
                turn_id=turn.turn_id,
                participant_id=turn.participant_id,
                text=turn.text,
                start_s=turn.start_seconds if turn.HasField("start_seconds") else None,
                end_s=turn.end_seconds if turn.HasField("end_seconds") else None,
            )
            for turn in message.turns
        ),
    )
