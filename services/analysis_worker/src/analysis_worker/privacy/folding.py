"""Text as names and numbers are compared in it: no case, no accents, and every sign a space.

Also with the way back: where in the text each of its folded words stands.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from analysis_worker.privacy.kinds import INVISIBLE

_NOT_ALPHANUMERIC: Final = re.compile(r"[\W_]+")
_WORD: Final = re.compile(r"[^\W_]+")


def folded(text: str) -> str:
    """Return the words of a text, with one space between them."""
    if text.isascii():
        return _NOT_ALPHANUMERIC.sub(" ", text.lower()).strip()
    decomposed = unicodedata.normalize("NFKD", INVISIBLE.sub("", text)).casefold()
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return _NOT_ALPHANUMERIC.sub(" ", plain).strip()


@dataclass(frozen=True, slots=True)
class FoldedWord:
    """One word of `folded`, and where it stands in the text (code points)."""

    word: str = field(repr=False)
    start: int
    end: int


def folded_words(text: str) -> list[FoldedWord]:
    """Return the words of `folded(text)` in order, each with its place."""
    if text.isascii():
        return [FoldedWord(match.group(), *match.span()) for match in _WORD.finditer(text.lower())]
    pieces = [_folded_letter(letter) for letter in text]
    # One letter may become none, or several.
    places = [place for place, piece in enumerate(pieces) for _ in piece]
    return [
        FoldedWord(match.group(), places[match.start()], places[match.end() - 1] + 1)
        for match in _WORD.finditer("".join(pieces))
    ]


@lru_cache(maxsize=4096)
def _folded_letter(letter: str) -> str:
    if INVISIBLE.match(letter):
        return ""
    decomposed = unicodedata.normalize("NFKD", letter).casefold()
    return "".join(piece for piece in decomposed if not unicodedata.combining(piece))
