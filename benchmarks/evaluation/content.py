"""What is flagged in real debates, what leaves the process of them, and which quotes are taken for said."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Final

from analysis_worker.domain.conversation import Conversation
from analysis_worker.engines.local.sentences import sentence_spans
from analysis_worker.privacy.evidence import find_quote
from analysis_worker.privacy.injection import speaks_to_a_model
from analysis_worker.privacy.placeholders import OriginalInPayload
from analysis_worker.privacy.redaction import redact
from common.content.lists import content_flags
from evaluation import gold
from evaluation.row import Part, Row, interval

#: Quotes that are tried, of each kind.
QUOTES: Final = 2_000
_SEED: Final = 1
_WORDS: Final = range(6, 40)


def part(data: Path) -> Part:
    """Return the figures on flags, on what leaks, and on quotes."""
    debates = gold.debates(data)
    flagged = [[bool(content_flags(turn.text)) for turn in debate.turns] for debate in debates]
    spoken = [[speaks_to_a_model(turn.text) for turn in debate.turns] for debate in debates]
    turns = sum(map(len, flagged))

    def share(some: list[list[bool]]) -> float:
        return sum(map(sum, some)) / max(1, sum(map(len, some)))

    low, high = interval(flagged, lambda some: share(list(some)))
    leaks = [_leaks(debate) for debate in debates]
    accepted = quotes(debates)
    rows = [
        Row("turns with flagged content", share(flagged), turns, low, high, 0.005, at_most=True),
        Row("turns flagged as talk to a model", share(spoken), turns, note="real debates: none is meant so"),
        Row(
            "debates with a participant's name left in them",
            sum(leak == "participant" for leak in leaks) / len(leaks),
            len(leaks),
            floor=0.0,
            at_most=True,
        ),
        Row(
            "debates held back, as something known was left",
            sum(leak == "other" for leak in leaks) / len(leaks),
            len(leaks),
            floor=0.0,
            at_most=True,
            note="they would be analysed locally",
        ),
        *(
            Row(f"quotes accepted, {kind}", share_, QUOTES, floor=bar, at_most=bar == 0.0, note=note)
            for kind, share_, bar, note in (
                ("as said", accepted["said"], 1.0, ""),
                ("with a not slipped in", accepted["negated"], 0.0, "a likeness of 90 % accepts 0.9 of them"),
                ("of another turn", accepted["foreign"], 0.0, ""),
                ("with one word changed", accepted["changed"], 0.0, ""),
            )
        ),
    ]
    return Part("Content, leaks and quotes", tuple(rows))


def _leaks(debate: Conversation) -> str:
    """Return what the redacted debate still holds: "participant", "other", or nothing."""
    redacted = redact(debate)
    try:
        redacted.map.assert_clean(json.dumps([turn.text for turn in redacted.turns]))
    except OriginalInPayload as error:
        return "participant" if error.placeholder.startswith("[S") else "other"
    return ""


def quotes(debates: tuple[Conversation, ...]) -> dict[str, float]:
    """Return how many quotes of each kind are accepted as said in their turn."""
    draw = random.Random(_SEED)
    turns = [turn for debate in debates for turn in debate.turns if len(turn.text) > 80]
    accepted = dict.fromkeys(("said", "negated", "foreign", "changed"), 0)
    tried = 0
    while tried < QUOTES:
        turn, other = draw.choice(turns), draw.choice(turns)
        start, end = draw.choice(sentence_spans(turn.text))
        words = turn.text[start:end].split()
        if len(words) not in _WORDS or " ".join(words).lower() in " ".join(other.text.lower().split()):
            continue
        tried += 1
        at = draw.randrange(1, len(words))
        variants = {
            "said": (turn.text, words),
            "negated": (turn.text, [*words[:at], "not", *words[at:]]),
            "foreign": (other.text, words),
            "changed": (turn.text, [*words[:at], "otherwise", *words[at + 1 :]]),
        }
        for kind, (text, quoted) in variants.items():
            accepted[kind] += find_quote("t", text, " ".join(quoted)) is not None
    return {kind: count / tried for kind, count in accepted.items()}
