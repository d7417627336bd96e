"""Measures of language agree with values worked out by hand from their definitions."""

from __future__ import annotations

import pytest

from analysis_worker.domain.result import Linguistics, Metric
from analysis_worker.engines.local.diversity import hdd, mattr, mtld
from analysis_worker.engines.local.document import prepare
from analysis_worker.engines.local.lexicon import Cue, cues_in
from analysis_worker.engines.local.linguistics import analyze_linguistics, flesch_kincaid_grade
from support.analysis import debate

#: 6 words of one syllable each in one sentence.
_MAT = "The cat sat on the mat."


def _metrics(linguistics: Linguistics, who: str) -> dict[str, Metric]:
    own = next(found for found in linguistics.participants if found.participant_id == who)
    return {named.name: named.metric for named in own.metrics}


def test_mattr_is_the_mean_over_all_windows() -> None:
    # "a a" has a ratio of 1/2, "a b" of 2/2.
    assert mattr(["a", "a", "b"], window=2) == pytest.approx(0.75)
    # "a b a" 2/3, "b a c" 3/3, "a c a" 2/3
    assert mattr(["a", "b", "a", "c", "a"], window=3) == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)
    assert mattr(["a"], window=2) is None


def test_mtld_counts_whole_and_partial_factors_both_ways() -> None:
    # The ratio falls to 2/3 at the third word: one factor; the fourth word adds nothing. 4 / 1, both ways.
    assert mtld(["a", "b", "a", "b"]) == pytest.approx(4.0)
    # The ratio ends at 3/4: (1 - 0.75) / (1 - 0.72) of a factor, both ways.
    assert mtld(["a", "b", "c", "a"]) == pytest.approx(4 / (0.25 / 0.28))
    # Forwards "a a" is a factor (1/2), "c" adds nothing; backwards "c a a" is one (2/3). 3 / 1 each.
    assert mtld(["a", "a", "c"]) == pytest.approx((3 / 1 + 3 / 1) / 2)
    assert mtld(["a", "b", "c"]) is None


def test_hdd_is_the_expected_ratio_of_a_random_sample() -> None:
    # Two of "a a b": "a" is always drawn; "b" in 2 of 3 draws. (1 + 2/3) / 2.
    assert hdd(["a", "a", "b"], sample=2) == pytest.approx((1 + 2 / 3) / 2)
    # Drawing everything gives the plain ratio of types to tokens.
    assert hdd(["a", "a", "b"], sample=3) == pytest.approx(2 / 3)
    assert hdd(["a"], sample=2) is None


def test_the_grade_follows_its_formula() -> None:
    # 0.39 * 6/1 + 11.8 * 6/6 - 15.59
    assert flesch_kincaid_grade(6, 1, 6) == pytest.approx(-1.45)


def test_counts_and_grade_of_a_speaker_match_the_text() -> None:
    found = analyze_linguistics(prepare(debate(("ada", " ".join([_MAT] * 5)), ("ben", "Why? Not me."))))
    ada = _metrics(found, "ada")
    assert ada["words"].value == 30
    assert ada["sentences"].value == 5
    assert ada["words_per_sentence"].value == 6
    assert ada["flesch_kincaid_grade"].value == -1.45
    assert ada["questions"].value == 0
    ben = _metrics(found, "ben")
    assert ben["questions"].value == 0.5
    assert ben["flesch_kincaid_grade"].value is None
    assert ben["flesch_kincaid_grade"].note == "needs 30 words"


def test_cues_are_counted_per_100_words_and_by_their_longest_phrase() -> None:
    # 19 words: one hedge ("perhaps"), one booster ("clearly"), two connectives ("because", "however").
    text = (
        "Perhaps the bridge is clearly old because it leaks. "
        "However the town has no other road over this river."
    )
    ada = _metrics(analyze_linguistics(prepare(debate(("ada", text), ("ben", "Good.")))), "ada")
    assert ada["words"].value == 19
    assert ada["hedges"].value == pytest.approx(100 / 19, abs=1e-4)
    assert ada["boosters"].value == pytest.approx(100 / 19, abs=1e-4)
    assert ada["connectives"].value == pytest.approx(200 / 19, abs=1e-4)
    assert ada["evidence_markers"].value == 0


def test_overlapping_phrases_of_one_kind_count_once() -> None:
    # "tend" and "tend to" both hedge; "i think" hedges and gives an opinion.
    assert cues_in(("they", "tend", "to", "leak"))[Cue.HEDGE] == 1
    assert cues_in(("i", "think", "so")) == {Cue.HEDGE: 1, Cue.OPINION: 1}


def test_a_speaker_who_says_nothing_has_no_rates() -> None:
    silent = _metrics(analyze_linguistics(prepare(debate(("ada", ""), ("ben", _MAT)))), "ada")
    assert silent["words"].value == 0
    without = {name for name, metric in silent.items() if metric.value is None}
    assert without == set(silent) - {"words", "sentences"}


def test_a_moderator_is_not_measured() -> None:
    found = analyze_linguistics(prepare(debate(("chair", _MAT), ("ada", _MAT), ("ben", _MAT))))
    assert [own.participant_id for own in found.participants] == ["ada", "ben"]
