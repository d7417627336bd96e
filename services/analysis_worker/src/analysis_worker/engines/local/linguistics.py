"""Linguistics: how each debater's language is made. Counts, no judgement; in every mode by this engine.

Grade and cues are defined for English, stay empty elsewhere, and leave out turns in another language; counts
and vocabulary hold for any language that separates its words, but compare only within it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analysis_worker.domain.interval import mean_interval, ratio_interval, share_interval
from analysis_worker.domain.metric import Metric, measured, shrunk, unknown
from analysis_worker.domain.result import Linguistics, NamedMetric, ParticipantMetrics
from analysis_worker.engines.local.diversity import (
    HDD_SAMPLE,
    MATTR_WINDOW,
    MTLD_FEWEST_WORDS,
    hdd,
    mattr,
    mtld,
)
from analysis_worker.engines.local.document import Document, Sentence, SpokenTurn
from analysis_worker.engines.local.lexicon import Cue
from analysis_worker.engines.local.words import syllables_in

METHOD: Final = "Flesch-Kincaid, MATTR-50, MTLD, HD-D 42, cue lexicons"
_PER_100: Final = "per 100 words"
_NOT_ENGLISH: Final = "defined for English only"
_SILENT: Final = "said nothing in English"
_UNSPACED: Final = "the script does not separate words"
_CHARACTERS: Final = "each character of the script counts as a word"
_FEWEST_WORDS_FOR_A_GRADE: Final = 30
_HALF_WORDS: Final = 100
#: Cue phrases mean something else in about one case of four.
_CUE_CEILING: Final = 0.75

#: Metric names of the cues, in order.
_CUES: Final = (
    ("hedges", Cue.HEDGE),
    ("boosters", Cue.BOOSTER),
    ("connectives", Cue.CONNECTIVE),
    ("evidence_markers", Cue.EVIDENCE),
)


def analyze_linguistics(document: Document) -> Linguistics:
    """Return each debater's metrics."""
    return Linguistics(
        tuple(
            ParticipantMetrics(who, tuple(_metrics(document, turns)))
            for who, turns in document.turns_by_debater().items()
        )
    )


def flesch_kincaid_grade(word_count: int, sentence_count: int, syllable_count: int) -> float:
    """Return the U.S. school grade that reads the text with ease (Kincaid et al. 1975)."""
    return 0.39 * word_count / sentence_count + 11.8 * syllable_count / word_count - 15.59


def _metrics(document: Document, turns: Sequence[SpokenTurn]) -> list[NamedMetric]:
    sentences = [sentence for turn in turns for sentence in turn.sentences if sentence.words]
    words = [word for sentence in sentences for word in sentence.words]
    own = [
        sentence
        for turn in turns
        if turn.other_language is None
        for sentence in turn.sentences
        if sentence.words
    ]
    own_words = [word for sentence in own for word in sentence.words]
    english = document.english
    asked = sum(sentence.question for sentence in sentences)
    counts = {
        "words": measured(len(words), "words", len(turns), 1.0, note="" if document.spaced else _CHARACTERS),
        "sentences": measured(len(sentences), "sentences", len(turns), 0.9),
        "words_per_sentence": (
            measured(
                len(words) / len(sentences),
                "words",
                len(sentences),
                shrunk(0.9, len(sentences), 5),
                ci95=mean_interval([len(sentence.words) for sentence in sentences], 0.0),
            )
            if sentences and document.spaced
            else unknown("words", "said nothing" if document.spaced else _UNSPACED)
        ),
        "flesch_kincaid_grade": _grade(own_words, len(own), english=english),
        **_diversity(words, spaced=document.spaced),
        **{name: _rate(own, cue, len(own_words), english=english) for name, cue in _CUES},
        "questions": (
            measured(
                asked / len(sentences),
                "per sentence",
                len(sentences),
                shrunk(0.9, len(sentences), 5),
                ci95=share_interval(asked, len(sentences)),
            )
            if sentences
            else unknown("per sentence", "said nothing")
        ),
    }
    return [NamedMetric(name, metric) for name, metric in counts.items()]


def _grade(words: Sequence[str], sentence_count: int, *, english: bool) -> Metric:
    unit = "school grade"
    if not english:
        return unknown(unit, _NOT_ENGLISH)
    if len(words) < _FEWEST_WORDS_FOR_A_GRADE:
        return unknown(unit, f"needs {_FEWEST_WORDS_FOR_A_GRADE} words", sample_size=len(words))
    grade = flesch_kincaid_grade(len(words), sentence_count, sum(map(syllables_in, words)))
    return measured(grade, unit, len(words), shrunk(0.9, len(words), _HALF_WORDS))


def _diversity(words: Sequence[str], *, spaced: bool) -> dict[str, Metric]:
    if not spaced:
        units = {"mattr50": "0..1", "mtld": "words", "hdd42": "0..1"}
        return {name: unknown(unit, _UNSPACED, sample_size=len(words)) for name, unit in units.items()}
    measures = {
        "mattr50": (mattr(words), "0..1", MATTR_WINDOW),
        "mtld": (mtld(words) if len(words) >= MTLD_FEWEST_WORDS else None, "words", MTLD_FEWEST_WORDS),
        "hdd42": (hdd(words), "0..1", HDD_SAMPLE),
    }
    return {
        name: (
            measured(value, unit, len(words), shrunk(0.95, len(words), _HALF_WORDS))
            if value is not None
            else unknown(
                unit,
                f"needs {fewest} words" if len(words) < fewest else "no word repeats",
                sample_size=len(words),
            )
        )
        for name, (value, unit, fewest) in measures.items()
    }


def _rate(sentences: Sequence[Sentence], cue: Cue, word_count: int, *, english: bool) -> Metric:
    if not english:
        return unknown(_PER_100, _NOT_ENGLISH)
    if not word_count:
        return unknown(_PER_100, _SILENT)
    hits = [sentence.cues.get(cue, 0) for sentence in sentences]
    spread = ratio_interval(
        [(100.0 * hit, len(sentence.words)) for hit, sentence in zip(hits, sentences, strict=True)], 0.0
    )
    confidence = shrunk(_CUE_CEILING, word_count, _HALF_WORDS)
    return measured(100 * sum(hits) / word_count, _PER_100, word_count, confidence, ci95=spread)
