"""Tone: sentiment as expressed, by VADER per sentence, then averaged (Hutto & Gilbert 2014, ICWSM).

A turn that is no longer than a message is scored as a whole: that is what the scorer was made for, and on
tweets it is the difference between a correlation of 0.83 and 0.88. Else per sentence, because on whole turns
the score saturates: on political debate every fifth turn ends above 0.95. Tone is not stance: measured
against members' positions on a motion it is no better than chance, and nothing here says so. English only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Final

from analysis_worker.domain.interval import ratio_interval, share_interval
from analysis_worker.domain.metric import Metric, measured, rounded, shrunk, unknown
from analysis_worker.domain.result import DirectedTone, ParticipantTone, Tone, TonePoint
from analysis_worker.engines.local.addressee import Addressees
from analysis_worker.engines.local.document import Document, Sentence, SpokenTurn
from analysis_worker.engines.local.slope import theil_sen

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

METHOD: Final = (
    f"VADER {version('vaderSentiment')} per sentence, per turn up to 280 characters; mean; Theil-Sen trend"
)
_UNIT: Final = "-1..1"
#: The length of a message: a tweet's.
MESSAGE_CODE_POINTS: Final = 280
#: Correlation with human ratings of editorials is about .5; a mean of many sentences deserves little more.
_CEILING: Final = 0.6
_HALF_SENTENCES: Final = 20
#: Hutto & Gilbert's threshold between neutral and negative.
_NEGATIVE: Final = -0.05
_PEAK: Final = 0.5
_MAX_PEAKS: Final = 3
_FEWEST_TURNS_FOR_A_TREND: Final = 5
_NOT_ENGLISH: Final = "the tone lexicon is English"
_SILENT: Final = "said nothing in English"


@dataclass(frozen=True, slots=True)
class _Scored:
    turn: SpokenTurn
    sentences: tuple[tuple[Sentence, float], ...]

    @property
    def scores(self) -> list[float]:
        return [score for _, score in self.sentences]

    @property
    def valence(self) -> float:
        return fmean(score for _, score in self.sentences)

    @property
    def intensity(self) -> float:
        return fmean(abs(score) for _, score in self.sentences)


def analyze_tone(document: Document) -> Tone:
    """Return the debaters' tone; without values where the language is not English."""
    scored: dict[str, list[_Scored]] = {debater.participant_id: [] for debater in document.debaters}
    if document.english:
        for turn in document.debater_turns():
            if turn.other_language is not None:
                continue
            scored[turn.speaker].append(_Scored(turn, tuple(_scores(document, turn))))
    why_not = _SILENT if document.english else _NOT_ENGLISH
    participants = tuple(_participant(document, who, turns, why_not) for who, turns in scored.items())
    turns = sorted((turn for own in scored.values() for turn in own), key=lambda entry: entry.turn.index)
    return Tone(
        overall=_mean([entry.scores for entry in turns], why_not),
        asymmetry=_asymmetry(participants, why_not),
        participants=participants,
        directed=_directed(document, turns),
        series=tuple(
            TonePoint(
                turn_id=entry.turn.turn.turn_id,
                valence=rounded(entry.valence),
                intensity=rounded(entry.intensity),
                participant_id=entry.turn.speaker,
                sample_size=len(entry.sentences),
                start_s=_start_s(entry.turn),
            )
            for entry in turns
        ),
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


def _start_s(turn: SpokenTurn) -> float | None:
    start_s = turn.turn.start_s
    return rounded(start_s) if start_s is not None and math.isfinite(start_s) and start_s >= 0 else None


def _mean(turns: Sequence[Sequence[float]], why_not: str) -> Metric:
    """Return the mean over the sentences of some turns. Their spread is told turn by turn."""
    count = sum(map(len, turns))
    if not count:
        return unknown(_UNIT, why_not)
    return measured(
        math.fsum(score for turn in turns for score in turn) / count,
        _UNIT,
        count,
        shrunk(_CEILING, count, _HALF_SENTENCES),
        ci95=ratio_interval([(math.fsum(turn), len(turn)) for turn in turns], -1.0, 1.0),
    )


def _participant(document: Document, who: str, turns: Sequence[_Scored], why_not: str) -> ParticipantTone:
    scores = [score for turn in turns for score in turn.scores]
    negative = sum(score < _NEGATIVE for score in scores)
    confidence = shrunk(_CEILING, len(scores), _HALF_SENTENCES)
    peaks = sorted(
        ((sentence, score) for turn in turns for sentence, score in turn.sentences if abs(score) >= _PEAK),
        key=lambda entry: (-abs(entry[1]), entry[0].index),
    )
    return ParticipantTone(
        participant_id=who,
        mean=_mean([turn.scores for turn in turns], why_not),
        standard_deviation=(
            measured(pstdev(scores), "1", len(scores), confidence)
            if len(scores) > 1
            else unknown("1", "needs two sentences" if document.english else why_not, sample_size=len(scores))
        ),
        trend=_trend([turn.valence for turn in turns], why_not if not document.english else ""),
        negative_share=(
            measured(
                negative / len(scores),
                "0..1",
                len(scores),
                confidence,
                ci95=share_interval(negative, len(scores)),
            )
            if scores
            else unknown("0..1", why_not)
        ),
        peaks=tuple(document.evidence_of(sentence) for sentence, _ in peaks[:_MAX_PEAKS]),
    )


def _trend(valences: Sequence[float], why_not: str) -> Metric:
    """Return the Theil-Sen slope of valence over the speaker's own turns, per 100 of them."""
    unit = "per 100 turns"
    count = len(valences)
    if why_not or count < _FEWEST_TURNS_FOR_A_TREND:
        note = why_not or f"needs {_FEWEST_TURNS_FOR_A_TREND} turns of the speaker"
        return unknown(unit, note, sample_size=count)
    slope, (low, high) = theil_sen(valences)
    confidence = shrunk(_CEILING / 2, count, _HALF_SENTENCES)
    return measured(100 * slope, unit, count, confidence, ci95=(100 * low, 100 * high))


def _asymmetry(participants: Sequence[ParticipantTone], why_not: str) -> Metric:
    means = [participant.mean for participant in participants if participant.mean.value is not None]
    values = [mean.value for mean in means if mean.value is not None]
    if len(values) < 2:
        return unknown("0..2", why_not if why_not == _NOT_ENGLISH else "needs two debaters who spoke")
    return measured(
        max(values) - min(values),
        "0..2",
        sum(mean.sample_size for mean in means),
        min(mean.confidence for mean in means),
    )


def _directed(document: Document, turns: Sequence[_Scored]) -> tuple[DirectedTone, ...]:
    """Return the mean tone of each speaker's turns towards the debater whom they address."""
    addressees = Addressees(document)
    towards: dict[tuple[str, str], list[list[float]]] = {}
    for entry in turns:
        if (target := addressees.of(entry.turn)) is not None:
            pair = (entry.turn.speaker, target)
            towards.setdefault(pair, []).append(entry.scores)
    return tuple(
        DirectedTone(source, target, _mean(said, _SILENT))
        for (source, target), said in sorted(towards.items())
    )
