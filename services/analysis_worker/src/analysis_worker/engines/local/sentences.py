"""Finds the sentences of a turn, as spans into its original text.

A regular expression and a list of abbreviations: on speech transcripts as good as a parser, at a hundredth
of the cost. A stretch without punctuation is cut by length, so that no later step meets an endless
sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

#: Longer stretches are cut here, in words. Speech recognisers may leave out punctuation for an hour.
MAX_SENTENCE_WORDS: Final = 80
#: Longest run without white space inside a sentence, in code points.
_MAX_SENTENCE_CODE_POINTS: Final = 2_000

#: A full stop ends a sentence when white space and no small letter follow; others need no white space.
#: A run is looked at from its beginning only, or a thousand dots would cost a million steps.
_END: Final = re.compile(
    # First of all a character, as those are found faster than places between them.
    r"[.!?…。！？؟।॥\n](?:"
    r"(?<=[.!?…])(?<![.!?…].)[.!?…]*+[\"'”’)\]»]*+(?=\s|$)"
    r"|(?<=[。！？؟।॥])(?<![。！？؟।॥].)[。！？؟।॥]*+[\"'”’)\]»」』]*+"
    r"|(?<=\n)\s*\n)"
)
_SHORTENED: Final = """
    mr mrs ms dr prof sr jr st gen sen rep gov lt col hon rev vs fig approx inc ltd cf al
    a b c d e f g h j k l m n o p q r s t u v w x y z
"""
#: Words that end in a full stop in the middle of a sentence, as single letters and "U.S." do.
_ABBREVIATIONS: Final = frozenset(_SHORTENED.split())
_LETTERS: Final = re.compile(r"(?:[a-z]\.)+[a-z]")
#: What may stand before the first letter of a word.
_BEFORE: Final = frozenset(' \t\r\n\x0b\x0c\u00a0(["“')
#: Longer words are no abbreviations.
_LONGEST: Final = 12
_SPOKEN: Final = re.compile(r"\S+")
_SPEAKS: Final = re.compile(r"[^\W_]")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each sentence in code points, in order, without surrounding white space.

    What holds no letter or digit, such as a smiley, belongs to the sentence before it.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        if not _continues(text, match):
            _append(spans, text, start, match.end())
            start = match.end()
    _append(spans, text, start, len(text))
    return spans


def _append(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    for piece in _pieces(text, start, end):
        short = bool(spans) and piece[1] - spans[-1][0] <= _MAX_SENTENCE_CODE_POINTS
        if short and not _SPEAKS.search(text, *piece):
            spans[-1] = (spans[-1][0], piece[1])
        else:
            spans.append(piece)


def _continues(text: str, end: re.Match[str]) -> bool:
    """Tell whether the sentence goes on behind what looks like its end."""
    following = text[end.end() : end.end() + 40].lstrip()
    if end.group() == ".":
        if following[:1].islower():
            return True
        return bool(following) and _is_abbreviated(text, end.start())
    return end.group()[0] in ".…" and following[:1].islower()


def _is_abbreviated(text: str, end: int) -> bool:
    """Tell whether the word before the full stop at `end` is an abbreviation."""
    start = end
    while start > 0 and text[start - 1] not in _BEFORE:
        start -= 1
        if end - start > _LONGEST:
            return False
    word = text[start:end].lower()
    return word in _ABBREVIATIONS or _LETTERS.fullmatch(word) is not None


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield `text[start:end]` without surrounding white space, cut where it is too long."""
    if end - start <= _MAX_SENTENCE_CODE_POINTS:
        said = text[start:end]
        bare = said.lstrip()
        if len(bare) < 2 * MAX_SENTENCE_WORDS or len(bare.split()) <= MAX_SENTENCE_WORDS:
            begin = end - len(bare)
            bare = bare.rstrip()
            if bare:
                yield begin, begin + len(bare)
            return
    first: int | None = None
    last = words = 0
    for match in _SPOKEN.finditer(text, start, end):
        if first is not None and (
            words >= MAX_SENTENCE_WORDS or match.end() - first > _MAX_SENTENCE_CODE_POINTS
        ):
            yield first, last
            first, words = None, 0
        begin = match.start()
        while match.end() - begin > _MAX_SENTENCE_CODE_POINTS:
            yield begin, begin + _MAX_SENTENCE_CODE_POINTS
            begin += _MAX_SENTENCE_CODE_POINTS
        first = begin if first is None else first
        last, words = match.end(), words + 1
    if first is not None:
        yield first, last
