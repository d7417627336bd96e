"""Debates of any length, put together from a few sentences; equal arguments give equal debates."""

from __future__ import annotations

import random

from bothsides.jobs import v1 as pb

_SENTENCES = (
    "I think the town should close the old bridge to cars, because it was never built for them.",
    "That would cost the shops on the north side a third of their customers.",
    "You said the same about the market square, and the shops there are doing well.",
    "What happens to the ambulance when the only other bridge is blocked?",
    "The engineers say the pillars will hold for ten more years at most.",
    "Perhaps we could try it for one summer and count what changes.",
    "I am sorry, but that is a terrible idea, and you know it.",
    "People who cannot walk far have not been asked at all.",
    "However, the buses would still cross, so nobody is cut off.",
    "First we need numbers; then we can talk about money.",
    "Children could cycle to school without anyone being afraid for them.",
    "I agree that the noise is awful, although it is worse on the ring road.",
    "The report shows that traffic simply disappears when a road is taken away.",
    "Therefore the question is not whether, but when.",
    "Nobody here has answered my point about deliveries.",
)


def debate(turns: int, *, conversation_id: str = "bridge", words: int = 60, seed: int = 1) -> pb.Conversation:
    """Return a debate of two sides and a moderator, with about `words` words a turn."""
    chance = random.Random(seed)
    conversation = pb.Conversation(
        conversation_id=conversation_id,
        title="The old bridge",
        motion="The old bridge should be closed to cars",
        language="en",
    )
    for name, role, side in (
        ("ines", pb.Participant.DEBATER, "for"),
        ("marek", pb.Participant.DEBATER, "against"),
        ("chair", pb.Participant.MODERATOR, ""),
    ):
        conversation.participants.add(participant_id=name, display_name=name.title(), role=role, side=side)
    for number in range(turns):
        speaker = "chair" if number % 10 == 0 else ("ines", "marek")[number % 2]
        said: list[str] = []
        while sum(len(sentence.split()) for sentence in said) < words:
            said.append(chance.choice(_SENTENCES))
        conversation.turns.add(turn_id=f"t{number}", participant_id=speaker, text=" ".join(said))
    return conversation
