"""Who is who in a report: names and roles from the conversation, or ids when it may not be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bothsides.jobs import v1 as pb
from bothsides_client.report.wording import count, printable


class Cast:
    """The participants of the debate that a report is about."""

    def __init__(self, analysis: pb.DebateAnalysis, conversation: pb.Conversation | None) -> None:
        people = conversation.participants if conversation else ()
        self._people: Mapping[str, pb.Participant] = {each.participant_id: each for each in people}
        self._speaker_of_turn = (
            {turn.turn_id: turn.participant_id for turn in conversation.turns} if conversation else {}
        )
        scored = _ids(
            analysis.tone.participants, analysis.arguments.participants, analysis.quality.participants
        )
        heard = _ids(analysis.interaction.participants, analysis.linguistics.participants)
        #: Ids of those whom the report compares, in a fixed order.
        self.debaters: tuple[str, ...]
        if self._people:
            self.debaters = tuple(each.participant_id for each in people if _is_debater(each))
        else:
            self.debaters = scored or heard

    def name(self, participant_id: str) -> str:
        """Return the display name, with the side if there is one."""
        person = self._people.get(participant_id)
        if person is None:
            return printable(participant_id)
        name = printable(person.display_name or participant_id)
        return f"{name} ({printable(person.side)})" if person.side else name

    def speaker_of_turn(self, turn_id: str) -> str:
        """Return the name of who speaks in the turn, or "" if that is not known."""
        participant_id = self._speaker_of_turn.get(turn_id)
        return self.name(participant_id) if participant_id else ""

    def summary(self) -> str:
        """Return such as "3 debaters, 1 moderator"."""
        if not self._people:
            return count(len(self.debaters), "speaker", "speakers")
        roles = [each.role for each in self._people.values()]
        moderators = roles.count(pb.Participant.MODERATOR)
        audience = roles.count(pb.Participant.AUDIENCE)
        parts = [count(len(self.debaters), "debater", "debaters")]
        if moderators:
            parts.append(count(moderators, "moderator", "moderators"))
        if audience:
            parts.append(f"{audience:,} from the audience")
        return ", ".join(parts)


def _is_debater(person: pb.Participant) -> bool:
    return person.role in (pb.Participant.ROLE_UNSPECIFIED, pb.Participant.DEBATER)


def _ids(
    *groups: Sequence[
        pb.Tone.Participant
        | pb.Arguments.Participant
        | pb.Quality.Participant
        | pb.Interaction.Participant
        | pb.Linguistics.Participant
    ],
) -> tuple[str, ...]:
    """Return the participant ids of all groups, each once, in order."""
    return tuple(dict.fromkeys(each.participant_id for group in groups for each in group))
