"""Topics: where a debate changes its subject, what each stretch is about, how far it strays.

Cuts fall only between turns; a moderator's question or announcement is preferred to a mere change of words.
What a segment is called are its most distinctive words, not a summary. Works on any language that separates
its words; English has the better list of words to leave out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from analysis_worker.domain.metric import Metric, measured, rounded, shrunk, unknown
from analysis_worker.domain.result import DriftPoint, Focus, Segment, Topics
from analysis_worker.domain.topics import OpenQuestion
from analysis_worker.engines.local.document import Document, SpokenTurn
from analysis_worker.engines.local.keywords import distinctive_part
from analysis_worker.engines.local.open_questions import open_questions
from analysis_worker.engines.local.segmentation import best_cuts, evenly
from analysis_worker.engines.local.space import LexicalSpace, Matrix
from analysis_worker.engines.local.turning_points import turning_points
from analysis_worker.engines.local.words import stem, words_of

METHOD: Final = "TF-IDF/LSA, dynamic-programming segmentation at turns, log-odds keywords"
_UNIT: Final = "0..1"
#: Against people's segments the method finds boundaries clearly better than chance, and far from perfectly.
_CEILING: Final = 0.5
_HALF_UNITS: Final = 20
#: In annotated political debates the median topic lasts 48 sentences.
_SENTENCES_PER_TOPIC: Final = 48
#: A short debate is still cut, into at most three, where each has room for this many sentences.
_SENTENCES_PER_SHORT_TOPIC: Final = 20
_MOST_TOPICS: Final = 60
#: Above this, neighbouring sentences of a turn are taken together.
_MANY_SENTENCES: Final = 2_000
#: Above this, not every turn is tried as the beginning of a segment.
_MOST_PLACES: Final = 800
_KEYWORDS: Final = 10
_LABEL_WORDS: Final = 3
#: Who announces a topic is nearly always right; where words alone tell, every other boundary is near one.
_BOUNDARY_CONFIDENCE: Final = {"start": 1.0, "agenda": 0.8, "moderator_question": 0.6, "lexical": 0.4}


@dataclass(frozen=True, slots=True)
class _Unit:
    """Neighbouring sentences of one turn."""

    turn: SpokenTurn
    content: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What topics are made of, wherever they begin."""

    units: Sequence[_Unit] = field(repr=False)
    #: Of the units.
    vectors: Matrix
    #: The direction of the motion and the debaters' openings.
    reference: Matrix
    #: How often each term occurs, but for the debaters' names.
    terms: Counter[str] = field(repr=False)
    #: Of the participants.
    names: frozenset[str] = field(repr=False)
    #: The most frequent word of each term.
    spelling: Mapping[str, str] = field(repr=False)
    open_questions: tuple[OpenQuestion, ...] = field(repr=False)


def analyze_topics(
    document: Document, *, segment_count: int | None = None, begins: Collection[int] | None = None
) -> Topics:
    """Return the segments of a debate; none where nothing was said.

    Args:
        segment_count: How many there are, where that is known; else length and agenda tell.
        begins: Which spoken turns begin them (indexes), where that is known; the first one always does.
    """
    ground = document.once(_ground)
    if ground is None:
        nothing = unknown(_UNIT, "nothing was said")
        return Topics((), nothing, nothing, (), ())
    units, vectors = ground.units, ground.vectors
    if begins is None:
        starts = _starts(document, units, vectors, segment_count)
    else:
        first_unit = _first_units(units)
        starts = sorted({0, *(first_unit[index] for index in begins)})
    spans = list(zip(starts, [*starts[1:], len(units)], strict=True))
    coherences = [_coherence(vectors[start:end]) for start, end in spans]
    segments = _segments(document, ground, spans, coherences)
    drifts = [_drift(vectors[start:end], ground.reference) for start, end in spans]
    return Topics(
        segments=segments,
        coherence=_average(
            coherences, [end - start for start, end in spans], "needs two sentences on one topic"
        ),
        drift_from_motion=_average(
            drifts,
            [end - start for start, end in spans],
            "no motion is given and no opening says what it is about",
        ),
        drift_series=tuple(
            DriftPoint(segment.segment_id, drift.value, drift.sample_size, drift.confidence)
            for segment, drift in zip(segments, drifts, strict=True)
            if drift.value is not None
        ),
        focus=_focus(document, units, segments, spans),
        unanswered_questions=ground.open_questions,
    )


def prepare_topics(document: Document) -> None:
    """Make what hangs on no cut, so that topics whose beginnings become known are made soon."""
    document.once(_ground)


def _ground(document: Document) -> _Ground | None:
    """Return what topics are made of; None where nothing was said."""
    units = _units(document)
    if not units:
        return None
    space = LexicalSpace(tuple(unit.content for unit in units))
    people = document.conversation.participants
    names = frozenset(stem(word) for person in people for word in words_of(person.display_name))
    return _Ground(
        units=units,
        vectors=space.vectors,
        reference=_reference(document, space),
        terms=Counter(term for unit in units for term in unit.content if term not in names),
        names=names,
        spelling=_spelling(document),
        open_questions=open_questions(document),
    )


def _units(document: Document) -> list[_Unit]:
    sentences = sum(len(turn.sentences) for turn in document.turns)
    together = max(1, -(-sentences // _MANY_SENTENCES))
    return [
        _Unit(
            turn, tuple(term for sentence in turn.sentences[at : at + together] for term in sentence.content)
        )
        for turn in document.turns
        for at in range(0, len(turn.sentences), together)
    ]


def _starts(
    document: Document, units: Sequence[_Unit], vectors: Matrix, segment_count: int | None
) -> list[int]:
    """Return the units at which segments begin."""
    first_unit = _first_units(units)
    points = turning_points(document)
    marked = evenly([first_unit[turn.index] for turn in document.turns if turn.index in points], _MOST_PLACES)
    others = evenly(
        [first_unit[turn.index] for turn in document.turns if turn.index not in points], _MOST_PLACES
    )
    places = sorted({0, *marked, *others})
    bonus = [points[turn].bonus if (turn := units[place].turn.index) in points else 0.0 for place in places]
    if segment_count is not None:
        return best_cuts(vectors, places, bonus, segment_count)
    sentences = sum(len(turn.sentences) for turn in document.turns)
    agenda = sum(point.basis == "agenda" for point in points.values())
    wanted = max(
        round(sentences / _SENTENCES_PER_TOPIC),
        min(3, round(sentences / _SENTENCES_PER_SHORT_TOPIC)),
        min(agenda + 1, round(sentences / _SENTENCES_PER_SHORT_TOPIC)),
        1,
    )
    return best_cuts(vectors, places, bonus, min(wanted, _MOST_TOPICS))


def _first_units(units: Sequence[_Unit]) -> dict[int, int]:
    """Return the unit with which each turn begins, by the turn's index."""
    first: dict[int, int] = {}
    for place, unit in enumerate(units):
        first.setdefault(unit.turn.index, place)
    return first


def _coherence(vectors: Matrix) -> Metric:
    """Return the mean cosine between each unit and the sum of the segment's others.

    Leaving the unit itself out keeps short segments from looking coherent for being short.
    """
    known = vectors[np.any(vectors != 0, axis=1)]
    if len(known) < 2:
        return unknown(_UNIT, "needs two sentences on one topic", sample_size=len(known))
    others = known.sum(axis=0) - known
    lengths = np.linalg.norm(others, axis=1)
    products = np.einsum("ij,ij->i", known, others)
    cosines = np.divide(products, lengths, out=np.zeros(len(known)), where=lengths > 1e-9)
    value = float(np.clip(cosines.mean(), 0.0, 1.0))
    return measured(value, _UNIT, len(known), shrunk(_CEILING, len(known), _HALF_UNITS))


def _reference(document: Document, space: LexicalSpace) -> Matrix:
    """Return the direction of the motion and the debaters' openings."""
    motion = tuple(stem(word) for word in words_of(document.conversation.motion))
    openings = [turns[0].content for turns in document.turns_by_debater().values() if turns]
    vectors = [space.vector(motion), *(space.vector(opening) for opening in openings)]
    # The motion counts as much as all openings together.
    weights = [float(max(1, len(openings))), *(1.0 for _ in openings)]
    total: Matrix = np.sum([weight * vector for weight, vector in zip(weights, vectors, strict=True)], axis=0)
    return total


def _drift(vectors: Matrix, reference: Matrix) -> Metric:
    centre = vectors.sum(axis=0)
    length = float(np.linalg.norm(centre) * np.linalg.norm(reference))
    if length < 1e-9:
        return unknown(_UNIT, "too little to compare with the motion", sample_size=len(vectors))
    value = 1 - min(1.0, max(0.0, float(centre @ reference) / length))
    return measured(value, _UNIT, len(vectors), shrunk(_CEILING, len(vectors), _HALF_UNITS))


def _average(metrics: Sequence[Metric], weights: Sequence[int], why_not: str) -> Metric:
    pairs = [
        (metric.value, weight)
        for metric, weight in zip(metrics, weights, strict=True)
        if metric.value is not None
    ]
    count = sum(weight for _, weight in pairs)
    if not count:
        return unknown(_UNIT, why_not)
    value = sum(value * weight for value, weight in pairs) / count
    return measured(value, _UNIT, count, shrunk(_CEILING, count, _HALF_UNITS))


def _segments(
    document: Document, ground: _Ground, spans: Sequence[tuple[int, int]], coherences: Sequence[Metric]
) -> tuple[Segment, ...]:
    points = turning_points(document)
    units, names, spelling = ground.units, ground.names, ground.spelling
    counts = [
        Counter([term for unit in units[start:end] for term in unit.content if term not in names])
        for start, end in spans
    ]
    segments: list[Segment] = []
    for number, ((start, end), coherence) in enumerate(zip(spans, coherences, strict=True)):
        first, last = units[start].turn, units[end - 1].turn
        terms = distinctive_part(counts[number], ground.terms, _KEYWORDS)
        keywords = tuple(spelling.get(term, term) for term in terms)
        basis = points[first.index].basis if first.index in points else "lexical"
        segments.append(
            Segment(
                segment_id=f"s{number + 1}",
                first_turn_id=first.turn.turn_id,
                last_turn_id=last.turn.turn_id,
                label=", ".join(keywords[:_LABEL_WORDS]),
                keywords=keywords,
                coherence=coherence,
                boundary_basis="start" if number == 0 else basis,
                unanswered=_unanswered(document, first, last),
                boundary_confidence=_BOUNDARY_CONFIDENCE["start" if number == 0 else basis],
            )
        )
    return tuple(segments)


def _spelling(document: Document) -> dict[str, str]:
    """Return the most frequent spelling of each stem, the first in the alphabet where two tie."""
    words = Counter(word for sentence in document.sentences() for word in sentence.words)
    spelling: dict[str, str] = {}
    for word, _ in sorted(words.items(), key=lambda entry: (-entry[1], entry[0])):
        spelling.setdefault(stem(word), word)
    return spelling


def _unanswered(document: Document, first: SpokenTurn, last: SpokenTurn) -> bool:
    """Tell whether a question that opens a segment meets no debater who takes up a word of it."""
    asked = {term for sentence in first.sentences if sentence.question for term in sentence.content}
    if first.debater or not asked:
        return False
    return not any(
        turn.debater and not asked.isdisjoint(turn.content)
        for turn in document.turns
        if first.index < turn.index <= last.index
    )


def _focus(
    document: Document, units: Sequence[_Unit], segments: Sequence[Segment], spans: Sequence[tuple[int, int]]
) -> tuple[Focus, ...]:
    totals = Counter[str]()
    words: list[Counter[str]] = []
    for start, end in spans:
        turns = {unit.turn.index: unit.turn for unit in units[start:end] if unit.turn.debater}
        here = Counter[str]()
        for turn in turns.values():
            here[turn.speaker] += turn.word_count
        words.append(here)
        totals.update(here)
    return tuple(
        Focus(debater.participant_id, segment.segment_id, rounded(here[who] / totals[who]), totals[who])
        for segment, here in zip(segments, words, strict=True)
        for debater in document.debaters
        if here[who := debater.participant_id]
    )
