"""Interaction: who speaks how much, after whom, and whether they take each other up.

In every mode by this engine. Shares and order hold for any language; politeness is English only; times only
where they were captured.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Final

from analysis_worker.domain.interval import mean_interval, ratio_interval, share_interval
from analysis_worker.domain.metric import Basis, Metric, measured, shrunk, unknown
from analysis_worker.domain.result import Interaction, NamedMetric, ParticipantMetrics, TurnPair
from analysis_worker.engines.local.document import Document, SpokenTurn
from analysis_worker.engines.local.dominance import dominance_windows
from analysis_worker.engines.local.lexicon import Cue
from analysis_worker.engines.local.timing import Timing, timing_of
from analysis_worker.engines.local.uptake import uptakes

METHOD: Final = "shares, Gini, entropy, uptake over chance, politeness lexicon, capture times"
_NO_TIMES: Final = "fewer than half of the turns have capture times"
_NO_OVERLAP: Final = "capture times do not overlap anywhere, so who broke in cannot be seen"
_UNSPACED: Final = "the script does not separate words"
_SILENT: Final = "said nothing"
_PER_100: Final = "per 100 words"
_UPTAKE_CEILING: Final = 0.5
_POLITENESS_CEILING: Final = 0.6
_HALF_TURNS: Final = 10
_HALF_WORDS: Final = 200
#: A pace needs this much speech, in seconds.
_FEWEST_SECONDS: Final = 5.0
#: A turn of fewer words is an interjection, whatever the transcriber's marks. Where no times show who broke
#: in, their share tells how lively it was.
_SHORT_TURN_WORDS: Final = 5


def analyze_interaction(document: Document) -> Interaction:
    """Return how the debaters share the floor and answer each other."""
    timing = timing_of(document)
    spoken = document.turns_by_debater()
    words = {who: sum(turn.word_count for turn in turns) for who, turns in spoken.items()}
    taken_up = uptakes(document) if document.spaced else {}
    nothing_taken = "no debater replies to another" if document.spaced else _UNSPACED
    everyone = [value for values in taken_up.values() for value in values]
    return Interaction(
        participants=tuple(
            ParticipantMetrics(
                who,
                tuple(
                    NamedMetric(name, metric)
                    for name, metric in (
                        *_floor(
                            turns, words[who], sum(words.values()), sum(map(len, spoken.values()))
                        ).items(),
                        *_times(who, timing, spoken).items(),
                        *_manner(document, turns, taken_up.get(who, [])).items(),
                    )
                ),
            )
            for who, turns in spoken.items()
        ),
        balance=_balance(list(words.values())),
        entropy=_entropy(list(words.values())),
        responsiveness=_uptake(everyone, nothing_taken),
        turn_matrix=_turn_matrix(document),
        dominance_windows=dominance_windows(document, timing),
        interruption_observable=timing.interruption_observable,
    )


def _floor(turns: Sequence[SpokenTurn], words: int, all_words: int, all_turns: int) -> dict[str, Metric]:
    short = sum(turn.word_count < _SHORT_TURN_WORDS for turn in turns)
    return {
        "turns": measured(len(turns), "turns", len(turns), 1.0),
        "turn_share": (
            measured(len(turns) / all_turns, "0..1", all_turns, 1.0)
            if all_turns
            else unknown("0..1", "no debater spoke")
        ),
        "short_turn_share": (
            measured(short / len(turns), "0..1", len(turns), 0.9, ci95=share_interval(short, len(turns)))
            if turns
            else unknown("0..1", _SILENT)
        ),
        "words": measured(words, "words", len(turns), 1.0),
        "word_share": (
            measured(words / all_words, "0..1", all_words, 1.0)
            if all_words
            else unknown("0..1", "no debater spoke")
        ),
    }


def _times(who: str, timing: Timing, debaters: Collection[str]) -> dict[str, Metric]:
    seconds = timing.talk_time_s.get(who)
    everyone_s = math.fsum(timing.talk_time_s.get(debater, 0.0) for debater in debaters)
    no_times = _SILENT if timing.timed else _NO_TIMES
    pace = unknown("1/min", no_times)
    if seconds is not None and seconds < _FEWEST_SECONDS:
        pace = unknown(
            "1/min", f"needs {_FEWEST_SECONDS:.0f} s of speech", sample_size=timing.timed_words[who]
        )
    elif seconds is not None:
        words = timing.timed_words[who]
        pace = measured(60 * words / seconds, "1/min", words, 0.9, basis=Basis.TIMESTAMPS)
    return {
        "talk_time": (
            measured(seconds, "s", timing.timed_words[who], 0.9, basis=Basis.TIMESTAMPS)
            if seconds is not None
            else unknown("s", no_times)
        ),
        "talk_time_share": (
            measured(seconds / everyone_s, "0..1", math.ceil(everyone_s), 0.9, basis=Basis.TIMESTAMPS)
            if seconds is not None
            else unknown("0..1", no_times)
        ),
        "words_per_minute": pace,
        "response_latency": _latency(who, timing),
        **{
            name: (
                measured(counts[who], "interruptions", timing.timed_words[who], 0.6, basis=Basis.TIMESTAMPS)
                if timing.interruption_observable and seconds is not None
                else unknown("interruptions", no_times if seconds is None else _NO_OVERLAP)
            )
            for name, counts in (
                ("interruptions_made", timing.interruptions),
                ("interruptions_received", timing.interrupted),
            )
        },
    }


def _latency(who: str, timing: Timing) -> Metric:
    if (found := timing.latency_s.get(who)) is not None:
        value, count = found
        return measured(value, "s", count, shrunk(0.7, count, _HALF_TURNS), basis=Basis.TIMESTAMPS)
    if not timing.timed:
        return unknown("s", _NO_TIMES)
    if not timing.interruption_observable:
        return unknown("s", "times without any overlap are aligned to text, and then pauses are not real")
    return unknown("s", "no reply after a pause")


def _manner(document: Document, turns: Sequence[SpokenTurn], taken_up: Sequence[float]) -> dict[str, Metric]:
    sentences = [sentence for turn in turns for sentence in turn.sentences]
    english = [turn for turn in turns if turn.other_language is None]
    judged = [sentence for turn in english for sentence in turn.sentences if sentence.words]
    words = sum(turn.word_count for turn in english)

    def rate(cue: Cue) -> Metric:
        if not document.english:
            return unknown(_PER_100, "the politeness lexicon is English")
        if not words:
            return unknown(_PER_100, "said nothing in English")
        hits = [sentence.cues.get(cue, 0) for sentence in judged]
        spread = ratio_interval(
            [(100.0 * hit, len(sentence.words)) for hit, sentence in zip(hits, judged, strict=True)], 0.0
        )
        confidence = shrunk(_POLITENESS_CEILING, words, _HALF_WORDS)
        return measured(100 * sum(hits) / words, _PER_100, words, confidence, ci95=spread)

    return {
        "questions_asked": (
            measured(sum(sentence.question for sentence in sentences), "questions", len(sentences), 0.9)
            if sentences
            else unknown("questions", _SILENT)
        ),
        "uptake": _uptake(taken_up, "replies to no other debater" if document.spaced else _UNSPACED),
        "politeness": rate(Cue.POLITE),
        "impoliteness": rate(Cue.IMPOLITE),
    }


def _uptake(values: Sequence[float], why_not: str) -> Metric:
    if not values:
        return unknown("0..1", why_not)
    confidence = shrunk(_UPTAKE_CEILING, len(values), _HALF_TURNS)
    return measured(fmean(values), "0..1", len(values), confidence, ci95=mean_interval(values, 0.0, 1.0))


def _balance(words: Sequence[int]) -> Metric:
    """Return 1 - Gini: 1 when all have the same share; 1/n when one of n has everything."""
    total, count = sum(words), len(words)
    if count < 2 or not total:
        return unknown("0..1", "needs two debaters, and one who speaks", sample_size=total)
    weighted = sum(place * share for place, share in enumerate(sorted(words), start=1))
    gini = 2 * weighted / (count * total) - (count + 1) / count
    return measured(min(1.0, max(0.0, 1 - gini)), "0..1", total, 1.0)


def _entropy(words: Sequence[int]) -> Metric:
    """Return Shannon's entropy of the shares, divided by its maximum."""
    total, count = sum(words), len(words)
    if count < 2 or not total:
        return unknown("0..1", "needs two debaters, and one who speaks", sample_size=total)
    entropy = -sum(share / total * math.log(share / total) for share in words if share)
    return measured(min(1.0, entropy / math.log(count)), "0..1", total, 1.0)


def _turn_matrix(document: Document) -> tuple[TurnPair, ...]:
    pairs = Counter(
        (earlier.speaker, later.speaker)
        for earlier, later in pairwise(document.turns)
        if earlier.speaker != later.speaker
    )
    return tuple(TurnPair(source, target, count) for (source, target), count in sorted(pairs.items()))
