"""What scored sentences amount to: means, spread, trend and direction of tone, whoever scored them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, pstdev
from typing import Final

from analysis_worker.domain.interval import ratio_interval, share_interval
from analysis_worker.domain.metric import Basis, Metric, measured, quote, rounded, shrunk, unknown
from analysis_worker.domain.result import DirectedTone, ParticipantTone, Tone, TonePoint
from analysis_worker.engines.local.addressee import addressees
from analysis_worker.engines.local.document import Document, SpokenTurn
from analysis_worker.engines.local.slope import theil_sen

_UNIT: Final = "-1..1"
#: Correlation with human ratings of editorials is about .5; a mean of many sentences deserves little more.
_CEILING: Final = 0.6
_HALF_SENTENCES: Final = 20
#: Hutto & Gilbert's threshold between neutral and negative.
_NEGATIVE: Final = -0.05
_PEAK: Final = 0.5
_MAX_PEAKS: Final = 3
_FEWEST_TURNS_FOR_A_TREND: Final = 5


@dataclass(frozen=True, slots=True)
class ScoredTurn:
    """A debater's turn and its scored sentences, of which there is at least one."""

    turn: SpokenTurn
    #: Start and end in the turn as it was said (code points), and valence from -1 to 1; in order.
    sentences: tuple[tuple[int, int, float], ...]
    scores: tuple[float, ...] = field(init=False)
    #: Their mean.
    valence: float = field(init=False)

    def __post_init__(self) -> None:
        scores = tuple([score for _, _, score in self.sentences])
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "valence", fmean(scores))

    @property
    def intensity(self) -> float:
        return fmean(map(abs, self.scores))


@dataclass(frozen=True, slots=True)
class _Told:
    """What numbers rest on, and what is said where there are none."""

    basis: Basis
    silent: str
    absent: str

    @property
    def why_not(self) -> str:
        return self.absent or self.silent


def tone_of(
    document: Document, turns: Sequence[ScoredTurn], *, basis: Basis, silent: str, absent: str = ""
) -> Tone:
    """Return the debaters' tone.

    Args:
        turns: In order.
        basis: What the scores rest on.
        silent: Why a debater without a scored sentence has no tone.
        absent: Why nobody has one, where that is so.
    """
    told = _Told(basis, silent, absent)
    scored: dict[str, list[ScoredTurn]] = {debater.participant_id: [] for debater in document.debaters}
    for turn in turns:
        scored[turn.turn.speaker].append(turn)
    participants = tuple(_participant(document, who, own, told) for who, own in scored.items())
    return Tone(
        overall=_mean([entry.scores for entry in turns], told),
        asymmetry=_asymmetry(participants, told),
        participants=participants,
        directed=_directed(document, turns, told),
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


def _start_s(turn: SpokenTurn) -> float | None:
    start_s = turn.turn.start_s
    return rounded(start_s) if start_s is not None and math.isfinite(start_s) and start_s >= 0 else None


def _mean(turns: Sequence[Sequence[float]], told: _Told) -> Metric:
    """Return the mean over the sentences of some turns. Their spread is told turn by turn."""
    count = sum(map(len, turns))
    if not count:
        return unknown(_UNIT, told.why_not)
    return measured(
        math.fsum(score for turn in turns for score in turn) / count,
        _UNIT,
        count,
        shrunk(_CEILING, count, _HALF_SENTENCES),
        basis=told.basis,
        ci95=ratio_interval([(math.fsum(turn), len(turn)) for turn in turns], -1.0, 1.0),
    )


def _participant(document: Document, who: str, turns: Sequence[ScoredTurn], told: _Told) -> ParticipantTone:
    scores = [score for turn in turns for score in turn.scores]
    negative = sum(score < _NEGATIVE for score in scores)
    confidence = shrunk(_CEILING, len(scores), _HALF_SENTENCES)
    peaks = sorted(
        (
            (turn.turn, start, end, score)
            for turn in turns
            for start, end, score in turn.sentences
            if abs(score) >= _PEAK
        ),
        key=lambda entry: (-abs(entry[3]), entry[0].index, entry[1]),
    )
    return ParticipantTone(
        participant_id=who,
        mean=_mean([turn.scores for turn in turns], told),
        standard_deviation=(
            measured(pstdev(scores), "1", len(scores), confidence, basis=told.basis)
            if len(scores) > 1
            else unknown("1", told.absent or "needs two sentences", sample_size=len(scores))
        ),
        trend=_trend([turn.valence for turn in turns], told),
        negative_share=(
            measured(
                negative / len(scores),
                "0..1",
                len(scores),
                confidence,
                basis=told.basis,
                ci95=share_interval(negative, len(scores)),
            )
            if scores
            else unknown("0..1", told.why_not)
        ),
        peaks=tuple(
            quote(turn.turn.turn_id, turn.turn.text, start, end) for turn, start, end, _ in peaks[:_MAX_PEAKS]
        ),
    )


def _trend(valences: Sequence[float], told: _Told) -> Metric:
    """Return the Theil-Sen slope of valence over the speaker's own turns, per 100 of them."""
    unit = "per 100 turns"
    count = len(valences)
    if told.absent or count < _FEWEST_TURNS_FOR_A_TREND:
        note = told.absent or f"needs {_FEWEST_TURNS_FOR_A_TREND} turns of the speaker"
        return unknown(unit, note, sample_size=count)
    slope, (low, high) = theil_sen(valences)
    confidence = shrunk(_CEILING / 2, count, _HALF_SENTENCES)
    return measured(100 * slope, unit, count, confidence, basis=told.basis, ci95=(100 * low, 100 * high))


def _asymmetry(participants: Sequence[ParticipantTone], told: _Told) -> Metric:
    means = [participant.mean for participant in participants if participant.mean.value is not None]
    values = [mean.value for mean in means if mean.value is not None]
    if len(values) < 2:
        return unknown("0..2", told.absent or "needs two debaters who spoke")
    return measured(
        max(values) - min(values),
        "0..2",
        sum(mean.sample_size for mean in means),
        min(mean.confidence for mean in means),
        basis=told.basis,
    )


def _directed(document: Document, turns: Sequence[ScoredTurn], told: _Told) -> tuple[DirectedTone, ...]:
    """Return the mean tone of each speaker's turns towards the debater whom they address."""
    addressed = document.once(addressees)
    towards: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for entry in turns:
        if (target := addressed[entry.turn.index]) is not None:
            pair = (entry.turn.speaker, target)
            towards.setdefault(pair, []).append(entry.scores)
    return tuple(
        DirectedTone(source, target, _mean(said, told)) for (source, target), said in sorted(towards.items())
    )
