"""Tone by a model: a valence for each sentence of a debater, read without knowing who speaks.

The scale is that of the people who rated VADER's lexicon (Hutto & Gilbert 2014): from -4, extremely
negative, to 4. The model is told neither names nor sides, so that it cannot favour anyone.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Final

from analysis_worker.domain.metric import Basis, Metric, rounded
from analysis_worker.domain.result import Tone
from analysis_worker.engines.local.document import Document
from analysis_worker.engines.local.tone_summary import ScoredTurn, tone_of
from analysis_worker.engines.openai.outbound import Line, Outbound, Window
from analysis_worker.engines.openai.schemas import Checked, Strict

#: The ends of the scale.
MOST: Final = 4
#: The widest that two means can be apart (-1 to 1).
_WIDEST: Final = 2.0
#: From here on it is said, and from there on the model is not believed.
_FAR: Final = 0.5
_TOO_FAR: Final = 0.75
_SILENT: Final = "no sentence of theirs was judged"


class NotBelieved(Exception):
    """The model hears a debater so unlike the lexicon that the lexicon's tone stands."""


class SaidValence(Strict):
    sid: str
    valence: int


class ToneAnswer(Strict):
    sentences: list[SaidValence]


def check_tone(debate: Outbound, window: Window, answer: ToneAnswer) -> Checked[ToneAnswer]:
    """Keep one valence from -4 to 4 for each sentence of a debater; one that is left out counts as wrong."""
    places = {line.sid: line for line in window.lines}
    wrong: list[str] = []
    kept: dict[str, SaidValence] = {}
    for place, said in enumerate(answer.sentences):
        line = places.get(said.sid)
        if line is None:
            problem = "is no sentence of the last message"
        elif line.speaker not in debate.debaters:
            problem = "is no debater's sentence"
        elif said.sid in kept:
            problem = "is listed twice"
        elif not -MOST <= said.valence <= MOST:
            problem = f"has a valence outside {-MOST} to {MOST}"
        else:
            kept[said.sid] = said
            continue
        wrong.append(f"sentences[{place}] {problem}")
    named = {said.sid for said in answer.sentences}
    missing = [line.sid for line in window.lines if line.speaker in debate.debaters and line.sid not in named]
    wrong += (f"sentences lacks {sid}" for sid in missing)
    items = len(answer.sentences) + len(missing)
    return Checked(ToneAnswer(sentences=list(kept.values())), items, tuple(wrong))


def tone_by_model(base: Tone, debate: Outbound, answers: tuple[ToneAnswer, ...], document: Document) -> Tone:
    """Return the tone as the model hears it, the less sure the further it is from `base`, the local engine's.

    Raises:
        NotBelieved: It is too far from that, as when a model does what a debater asks of it.
    """
    valences: dict[str, int] = {}
    for answer in answers:  # of a sentence in two windows the first word counts
        for said in answer.sentences:
            valences.setdefault(said.sid, said.valence)
    spoken = {turn.index: turn for turn in document.debater_turns()}
    judged = (line for line in debate.lines if line.sid in valences and line.turn in spoken)
    made = tone_of(
        document,
        [
            ScoredTurn(spoken[turn], tuple(_scored(line, valences) for line in lines))
            for turn, lines in groupby(judged, key=lambda line: line.turn)
        ],
        basis=Basis.LLM,
        silent=_SILENT,
    )
    heard = {own.participant_id: own.mean for own in base.participants}
    return replace(
        made,
        overall=_compared(made.overall, base.overall),
        participants=tuple(
            replace(own, mean=_compared(own.mean, heard[own.participant_id]))
            if own.participant_id in heard
            else own
            for own in made.participants
        ),
    )


def _scored(line: Line, valences: dict[str, int]) -> tuple[int, int, float]:
    return line.evidence.start, line.evidence.end, valences[line.sid] / MOST


def _compared(mean: Metric, local: Metric) -> Metric:
    """Return a mean that is the less sure the further the lexicon is from it; raises NotBelieved."""
    if mean.value is None or local.value is None:
        return mean
    apart = abs(mean.value - local.value)
    if apart >= _TOO_FAR:
        raise NotBelieved
    return replace(
        mean,
        confidence=rounded(mean.confidence * (1 - apart / _WIDEST)),
        note=f"the lexicon hears {local.value:.2f}" if apart >= _FAR else "",
    )
