"""Text is cut into sentences and words at the right places, in any script and at any length."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.engines.local.sentences import MAX_SENTENCE_WORDS, sentence_spans
from analysis_worker.engines.local.words import stem, syllables_in, words_of


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One thing. Another thing!", ["One thing.", "Another thing!"]),
        ("Why? Because.", ["Why?", "Because."]),
        ("Dr. Hale came at 3 p.m. and left.", ["Dr. Hale came at 3 p.m. and left."]),
        ("No. I disagree.", ["No.", "I disagree."]),
        ("It cost 3.5 million. Really.", ["It cost 3.5 million.", "Really."]),
        ("He said “stop.” Then he left.", ["He said “stop.”", "Then he left."]),
        ("well … maybe", ["well … maybe"]),
        ("First. Great! :-) 😀", ["First.", "Great! :-) 😀"]),
        ("彼は来た。私は行く。", ["彼は来た。", "私は行く。"]),
        ("هل هذا صحيح؟ نعم.", ["هل هذا صحيح؟", "نعم."]),
        ("  padded.  \n\n  next  ", ["padded.", "next"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_a_text_is_cut_where_its_sentences_end(text: str, expected: list[str]) -> None:
    assert _sentences(text) == expected


def test_a_stretch_without_punctuation_is_cut_by_length() -> None:
    # Given an hour of speech recognition without a full stop
    text = "word " * 50_000
    # When it is cut
    sentences = _sentences(text)
    # Then no sentence is longer than allowed, and no word is lost
    assert max(len(sentence.split()) for sentence in sentences) == MAX_SENTENCE_WORDS
    assert sum(len(sentence.split()) for sentence in sentences) == 50_000


@pytest.mark.parametrize("around", ["", " ", "\u2003\n"])
@pytest.mark.parametrize(("words", "cut"), [(1, 1), (79, 1), (80, 1), (81, 2), (160, 2), (161, 3)])
def test_a_stretch_is_cut_behind_so_many_words(words: int, cut: int, around: str) -> None:
    text = around + "\t".join(["a"] * words) + around
    sentences = _sentences(text)
    assert [len(sentence.split()) for sentence in sentences[:-1]] == [MAX_SENTENCE_WORDS] * (cut - 1)
    assert len(sentences) == cut
    assert "\t".join(sentences) == text.strip()


@pytest.mark.parametrize("text", ["." * 100_000 + "x", "x" * 100_000, "?!" * 50_000 + "x", "a." * 50_000])
def test_a_hostile_text_is_cut_in_linear_time(text: str) -> None:
    """The quadratic form of this would outlast the suite's time limit."""
    assert "".join(_sentences(text)) == text


@given(st.text(max_size=300))
def test_sentences_are_in_order_do_not_overlap_and_leave_out_only_white_space(text: str) -> None:
    spans = sentence_spans(text)
    assert all(start < end for start, end in spans)
    assert all(end <= next_start for (_, end), (next_start, _) in pairwise(spans))
    covered = "".join(text[start:end] for start, end in spans)
    assert "".join(covered.split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't panic!", ("don't", "panic")),
        ("Don’t panic", ("don't", "panic")),
        ("a well-known 3.5 %", ("a", "well-known", "3.5")),
        ("snake_case", ("snake", "case")),
        ("私は行く", ("私", "は", "行", "く")),
        ("Größe ça va", ("größe", "ça", "va")),
        ("😀 !?", ()),
    ],
)
def test_a_text_is_cut_into_words(text: str, expected: tuple[str, ...]) -> None:
    assert words_of(text) == expected


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        *[(word, 1) for word in ("tree", "make", "walked", "phones", "schools", "used", "were", "don't")],
        *[
            (word, 2)
            for word in ("table", "houses", "wanted", "nation", "people", "useful", "didn't", "poem")
        ],
        *[(word, 3) for word in ("idea", "area", "museum", "government", "policies", "evidence", "employer")],
        *[(word, 4) for word in ("society", "variety", "experience", "material")],
        ("1984", 4),
        ("well-known", 2),
    ],
)
def test_syllables_are_counted_as_they_are_spoken(word: str, syllables: int) -> None:
    assert syllables_in(word) == syllables


@pytest.mark.parametrize(
    "family",
    [
        ("tax", "taxes", "taxed", "taxing"),
        ("house", "houses", "housing", "housed"),
        ("study", "studies"),
        ("plan", "plans", "planned", "planning"),
        ("school", "schools", "school's", "schools'"),
        ("bus", "buses"),
    ],
)
def test_the_forms_of_a_word_have_one_stem(family: tuple[str, ...]) -> None:
    assert len({stem(word) for word in family}) == 1


@pytest.mark.parametrize(("one", "other"), [("general", "generous"), ("king", "kin"), ("speed", "spend")])
def test_different_words_keep_different_stems(one: str, other: str) -> None:
    assert stem(one) != stem(other)
