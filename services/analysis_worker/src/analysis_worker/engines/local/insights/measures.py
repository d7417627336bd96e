"""The measures that insights follow: what they are called, which way is better, and what to practise.

A measure is better one way only where the literature says so; of the others it is told that they change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Kinds of passages that a step can point to.
BARE_CLAIMS: Final = "bare_claims"
LEFT_CLAIMS: Final = "left_claims"
OPEN_QUESTIONS: Final = "open_questions"


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a debater."""

    #: As in the glossary; what stands before the dot is the dimension.
    name: str
    unit: str
    #: For people, to go into a sentence.
    words: str
    #: 1: more is better; -1: less is better; 0: neither.
    better: int = 0
    feed_up: str = ""
    feed_forward: str = ""
    #: The kind of passages that a step points to.
    passages: str = ""

    @property
    def dimension(self) -> str:
        """The dimension that holds it."""
        return self.name.partition(".")[0]


def _part(name: str, feed_up: str, feed_forward: str) -> Measure:
    return Measure(
        f"quality.{name}", "1..5", f"the rating of {name}", 1, feed_up, feed_forward, f"quality.{name}"
    )


#: In the order in which they are reported.
MEASURES: Final = (
    Measure(
        "arguments.claim_support",
        "0..1",
        "the share of own claims with a reason",
        1,
        "Every claim that matters has a reason that the audience can check.",
        "Take these claims, and write one sentence that begins with because for each.",
        BARE_CLAIMS,
    ),
    Measure(
        "arguments.rebuttal_rate",
        "0..1",
        "the share of the opponents' claims that were answered",
        1,
        "The opponents' strongest claims are met, be it by conceding them.",
        "Take these claims that nobody answered, and answer each in two sentences.",
        LEFT_CLAIMS,
    ),
    Measure("arguments.promote_own", "0..1", "the share of own opening points that came up again"),
    Measure(
        "arguments.pursue_opponent",
        "0..1",
        "the share of the opponents' opening points that were taken up",
        1,
        "The debate is fought on the opponents' points too, not on own ones alone.",
        "Note the opponents' three main points during their opening, and come back to each.",
        LEFT_CLAIMS,
    ),
    Measure(
        "interaction.uptake",
        "0..1",
        "the uptake of what the one before said",
        1,
        "A reply begins where the other one ended.",
        "Begin an answer to each of these questions with the words that were used in it.",
        OPEN_QUESTIONS,
    ),
    Measure("interaction.word_share", "0..1", "the share of the talk"),
    Measure("interaction.questions_asked", "questions", "the number of questions asked"),
    Measure("interaction.impoliteness", "per 100 words", "the rate of impolite wordings", -1),
    Measure("tone.mean", "-1..1", "the mean tone"),
    Measure("tone.negative_share", "0..1", "the share of negative sentences"),
    Measure(
        "linguistics.evidence_markers",
        "per 100 words",
        "the rate of words that point to evidence",
        1,
        "What is claimed comes with where it is known from.",
        "Name a source or an example for each of these claims.",
        BARE_CLAIMS,
    ),
    Measure("linguistics.hedges", "per 100 words", "the rate of hedges"),
    Measure("linguistics.boosters", "per 100 words", "the rate of boosters"),
    Measure("linguistics.words_per_sentence", "words", "the length of sentences"),
    Measure("linguistics.mattr50", "0..1", "the variety of words"),
    _part(
        "cogency",
        "Claims rest on reasons that are acceptable, relevant and enough.",
        "Look at these sentences, and add the reason that an opponent would ask for first.",
    ),
    _part(
        "effectiveness",
        "An audience can follow each point, and knows where it leads.",
        "Say each of these points again in one sentence, and what follows from it.",
    ),
    _part(
        "reasonableness",
        "Counter-arguments are met in earnest, and what is true in them is conceded.",
        "Write down the best objection to each of these sentences, and meet it.",
    ),
    _part(
        "deliberation",
        "Others are respected, and their points taken up to find common ground.",
        "Put what the other one meant before each of these answers, so that they would agree with it.",
    ),
    Measure("quality.overall", "1..5", "the rating overall", 1),
)
BY_NAME: Final = {measure.name: measure for measure in MEASURES}
