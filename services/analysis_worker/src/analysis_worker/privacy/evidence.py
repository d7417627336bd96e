"""Finds a quote in the turn that it is said to come from, and accepts no other words than those.

Equal after normalising: compatibility forms, case, apostrophes, quotation marks and punctuation. Parts apart
by dots must follow each other. No measure of likeness: a likeness of 90 % lets nine in ten quotes pass in
which a "not" was inserted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from analysis_worker.domain.metric import Evidence, quote

_ELLIPSIS: Final = re.compile(r"\s*(?:\[\s*)?(?:\.{3,}|…|\. \. \.)(?:\s*\])?\s*")
_APOSTROPHES: Final = frozenset("'’‘`´ʼ＇")
#: A quote of fewer words could stand anywhere.
_FEWEST_WORDS: Final = 3


def find_quote(turn_id: str, text: str, quoted: str) -> Evidence | None:
    """Return where `quoted` stands in a turn's text, copied from there; None if it was not said so.

    A quote with dots spans from its first part to its last.
    """
    parts = [list(_words(part)) for part in _ELLIPSIS.split(quoted)]
    wanted = [[word for word, _, _ in part] for part in parts if part]
    if sum(map(len, wanted)) < _FEWEST_WORDS:
        return None
    said = list(_words(text))
    words = [word for word, _, _ in said]
    at = 0
    first: int | None = None
    for part in wanted:
        found = _place(words, part, at)
        if found is None:
            return None
        first = found if first is None else first
        at = found + len(part)
    if first is None:
        return None
    return quote(turn_id, text, said[first][1], said[at - 1][2])


def _place(words: list[str], part: list[str], at: int) -> int | None:
    for place in range(at, len(words) - len(part) + 1):
        if words[place : place + len(part)] == part:
            return place
    return None


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the normalised words of a text with their places in it."""
    word: list[str] = []
    start = end = 0
    for place, letter in enumerate(text):
        if letter in _APOSTROPHES:
            continue
        normal = [one for one in unicodedata.normalize("NFKC", letter).casefold() if one.isalnum()]
        if normal or (word and unicodedata.combining(letter)):
            if not word:
                start = place
            word += normal or [letter]
            end = place + 1
        elif word:
            yield unicodedata.normalize("NFKC", "".join(word)), start, end
            word = []
    if word:
        yield unicodedata.normalize("NFKC", "".join(word)), start, end
