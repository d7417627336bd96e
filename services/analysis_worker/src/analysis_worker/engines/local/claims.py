"""Tells claims and premises from the rest, sentence by sentence, with the claim model. English only.

The features and the task are those of Haddadan et al. 2019 (ACL) on televised debates, where people agree on
them only moderately. So the confidence is that of meeting an annotator's label, and stays below two thirds.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis_worker.domain.arguments import ComponentKind
from analysis_worker.engines.local.claim_model import shipped_model
from analysis_worker.engines.local.document import Document, Sentence, SpokenTurn


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """A sentence that argues."""

    sentence: Sentence
    speaker: str
    kind: ComponentKind
    #: How likely an annotator gives it the same kind, 0 to 0.62.
    confidence: float


def scored_sentences(document: Document) -> list[ScoredSentence]:
    """Return the debaters' claims and premises in order; none where the language is not English."""
    found: list[ScoredSentence] = []
    if document.english:
        for turn in document.debater_turns():
            if turn.other_language is None:
                found.extend(_of_turn(turn))
    return found


def _of_turn(turn: SpokenTurn) -> list[ScoredSentence]:
    model = shipped_model()
    found: list[ScoredSentence] = []
    # What speaks to the grader is no neighbour either: it must not change how the others are read.
    sentences = [sentence for sentence in turn.sentences if not sentence.to_the_grader]
    for place, sentence in enumerate(sentences):
        if not sentence.content:
            continue
        none, claim, premise = model.probabilities(sentences, place)
        if none >= max(claim, premise):
            continue
        kind = ComponentKind.CLAIM if claim >= premise else ComponentKind.PREMISE
        found.append(ScoredSentence(sentence, turn.speaker, kind, max(claim, premise)))
    return found
