"""Tells claims and premises from the rest, sentence by sentence, by a published sum of weights.

Multinomial logit over three classes with "neither" at 0. The features are those that work on spoken debate
in Haddadan et al. 2019 (position, length, modality, markers, tense); the weights are set by hand and not
fitted to any corpus, so the confidence is a rank, not a calibrated probability. English only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis_worker.domain.arguments import ComponentKind
from analysis_worker.engines.local.document import Document, Sentence, SpokenTurn
from analysis_worker.engines.local.lexicon import Cue
from analysis_worker.engines.local.words import is_number

#: A sentence with fewer stems of content holds no proposition.
FEWEST_CONTENT_WORDS: Final = 3
#: No sentence is surer than this, which is how well people reproduce each other's labels (Haddadan et al.
#: 2019).
CONFIDENCE_CEILING: Final = 0.7

#: (feature, weight for a claim, weight for a premise). A weight of 1 multiplies the odds against "neither"
#: by 2.7.
WEIGHTS: Final[Sequence[tuple[str, float, float]]] = (
    ("bias", -0.1, -0.5),
    ("content_words", 0.9, 1.3),
    ("opinion", 1.0, -0.3),
    ("judgement", 1.1, 0.1),
    ("conclusion", 0.8, 0.2),
    ("contrast", 0.2, 0.0),
    ("reason", 0.0, 1.2),
    ("evidence", -0.2, 1.0),
    ("number", -0.3, 0.9),
    ("past", -0.4, 0.7),
    ("conditional", 0.3, 0.2),
    ("opens_turn", 0.3, -0.4),
    ("follows_claim", -0.1, 0.4),
    ("question", -1.2, -1.2),
    ("ceremony", -1.2, -1.2),
)

_PAST: Final = frozenset(
    (
        "was",
        "were",
        "had",
        "did",
        "said",
        "went",
        "came",
        "took",
        "gave",
        "made",
        "saw",
        "found",
        "told",
        "cost",
    )
)
#: Content words beyond this many add nothing.
_FULL_LENGTH: Final = 12


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """A sentence that argues."""

    sentence: Sentence
    speaker: str
    kind: ComponentKind
    #: 0 to `CONFIDENCE_CEILING`.
    confidence: float


def scored_sentences(document: Document) -> list[ScoredSentence]:
    """Return the debaters' claims and premises in order; none where the language is not English."""
    found: list[ScoredSentence] = []
    if document.english:
        for turn in document.debater_turns():
            found.extend(_of_turn(turn))
    return found


def _of_turn(turn: SpokenTurn) -> list[ScoredSentence]:
    found: list[ScoredSentence] = []
    follows_claim = False
    for place, sentence in enumerate(turn.sentences):
        kind, probability = _classified(
            features(sentence, opens_turn=place == 0, follows_claim=follows_claim)
        )
        if kind is None or len(sentence.content) < FEWEST_CONTENT_WORDS:
            follows_claim = False
            continue
        found.append(ScoredSentence(sentence, turn.speaker, kind, min(probability, CONFIDENCE_CEILING)))
        follows_claim = kind is ComponentKind.CLAIM
    return found


def features(sentence: Sentence, *, opens_turn: bool, follows_claim: bool) -> dict[str, float]:
    """Return the sentence's features, each from 0 to 1."""
    words = sentence.words
    past = sum(word in _PAST or (len(word) > 4 and word.endswith("ed")) for word in words)
    return {
        "bias": 1.0,
        "content_words": min(len(sentence.content), _FULL_LENGTH) / _FULL_LENGTH,
        "opinion": float(sentence.has(Cue.OPINION)),
        "judgement": min(sentence.cues.get(Cue.JUDGEMENT, 0), 2) / 2,
        "conclusion": float(sentence.has(Cue.CONCLUSION)),
        "contrast": float(sentence.has(Cue.CONTRAST)),
        "reason": float(sentence.has(Cue.REASON)),
        "evidence": float(sentence.has(Cue.EVIDENCE)),
        "number": float(any(is_number(word) for word in words)),
        "past": min(past, 2) / 2,
        "conditional": float("if" in words),
        "opens_turn": float(opens_turn),
        "follows_claim": float(follows_claim),
        "question": float(sentence.question),
        "ceremony": float(sentence.has(Cue.CEREMONY)),
    }


def _classified(values: dict[str, float]) -> tuple[ComponentKind | None, float]:
    """Return the likeliest class, None for neither, and its probability."""
    claim = math.exp(sum(values[name] * weight for name, weight, _ in WEIGHTS))
    premise = math.exp(sum(values[name] * weight for name, _, weight in WEIGHTS))
    total = 1 + claim + premise
    if max(claim, premise) <= 1:
        return None, 1 / total
    if claim >= premise:
        return ComponentKind.CLAIM, claim / total
    return ComponentKind.PREMISE, premise / total
