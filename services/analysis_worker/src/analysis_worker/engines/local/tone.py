"""Tone: sentiment as expressed, by VADER per sentence, then averaged (Hutto & Gilbert 2014, ICWSM).

A turn that is no longer than a message is scored as a whole: that is what the scorer was made for, and on
tweets it is the difference between a correlation of 0.83 and 0.88. Else per sentence, because on whole turns
the score saturates: on political debate every fifth turn ends above 0.95. Tone is not stance: measured
against members' positions on a motion it is no better than chance, and nothing here says so. English only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from analysis_worker.domain.metric import Basis
from analysis_worker.domain.result import Tone
from analysis_worker.engines.local.document import Document, Sentence, SpokenTurn
from analysis_worker.engines.local.tone_summary import ScoredTurn, tone_of

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

METHOD: Final = (
    f"VADER {version('vaderSentiment')} per sentence, per turn up to 280 characters; mean; Theil-Sen trend"
)
#: The length of a message: a tweet's.
MESSAGE_CODE_POINTS: Final = 280
_NOT_ENGLISH: Final = "the tone lexicon is English"
_SILENT: Final = "said nothing in English"


def analyze_tone(document: Document) -> Tone:
    """Return the debaters' tone; without values where the language is not English."""
    scored = [
        ScoredTurn(
            turn,
            tuple((sentence.start, sentence.end, score) for sentence, score in _scores(document, turn)),
        )
        for turn in (document.debater_turns() if document.english else ())
        if turn.other_language is None
    ]
    return tone_of(
        document, scored, basis=Basis.TEXT, silent=_SILENT, absent="" if document.english else _NOT_ENGLISH
    )


def valence_of(text: str) -> float:
    """Return VADER's compound score of one sentence, -1 to 1."""
    return float(_vader().polarity_scores(text)["compound"])


@cache
def _vader() -> SentimentIntensityAnalyzer:
    """Load the lexicon: 0.1 s, most of it the HTTP library that the package imports and never uses here."""
    from vaderSentiment.vaderSentiment import BOOSTER_DICT, SentimentIntensityAnalyzer, SentiText

    class PlainFirst(SentimentIntensityAnalyzer):  # type: ignore[misc]  # the package has no types
        """Spares text without emoji the search for them, letter by letter: a fifth of the time."""

        def polarity_scores(self, text: str) -> dict[str, float]:
            if not text.isascii():
                found: dict[str, float] = super().polarity_scores(text)
                return found
            said = SentiText(text.strip())
            words = said.words_and_emoticons
            lower = [word.lower() for word in words]
            sentiments: list[float] = []
            for place, word in enumerate(lower):
                if word in BOOSTER_DICT or (word == "kind" and lower[place + 1 : place + 2] == ["of"]):
                    sentiments.append(0)
                elif word in self.lexicon:
                    sentiments = self.sentiment_valence(0, said, words[place], place, sentiments)
                else:
                    sentiments.append(0)
            scores: dict[str, float] = self.score_valence(self._but_check(words, sentiments), text.strip())
            return scores

    return PlainFirst()


def _scores(document: Document, turn: SpokenTurn) -> Sequence[tuple[Sentence, float]]:
    if len(turn.sentences) > 1 and len(turn.turn.text) <= MESSAGE_CODE_POINTS:
        whole = valence_of(turn.turn.text)
        return [(sentence, whole) for sentence in turn.sentences]
    return [(sentence, valence_of(document.text_of(sentence))) for sentence in turn.sentences]
