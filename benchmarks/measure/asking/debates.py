"""Debates of a wanted length, recombined from examples/: no two alike, so that no answer is in the ledger."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from bothsides.jobs import v1 as pb

_LONG = Path(__file__).parents[3] / "examples" / "basic_income.json"
_ROLES = {"moderator": pb.Participant.MODERATOR, "debater": pb.Participant.DEBATER}


def debate(words: int, seed: int) -> pb.Conversation:
    """Return a debate of at least so many words: real turns, their sentences in another order."""
    source: dict[str, Any] = json.loads(_LONG.read_text("utf-8"))
    draw = random.Random(seed)
    made = pb.Conversation(
        conversation_id=f"bench-{words}-{seed}",
        motion=source["motion"],
        language="en",
        participants=[
            pb.Participant(
                participant_id=each["participant_id"],
                display_name=each["display_name"],
                role=_ROLES.get(each.get("role", ""), pb.Participant.DEBATER),
                side=each.get("side", ""),
            )
            for each in source["participants"]
        ],
    )
    said = 0
    for number, (speaker, sentences) in enumerate(_turns(source)):
        draw.shuffle(sentences)
        text = ". ".join(sentences) + "."
        made.turns.add(turn_id=f"t{number}", participant_id=speaker, text=text)
        said += len(text.split())
        if said >= words:
            break
    return made


def _turns(source: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for turn in cycle(source["turns"]):
        yield turn["participant_id"], [piece for piece in turn["text"].rstrip(".").split(". ") if piece]
