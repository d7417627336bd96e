"""Text as names and numbers are compared in it: no case, no accents, and every sign a space.

Where a script has no spaces, each letter is a word: a name is found right between others.

Also with the way back: where in the text each of its folded words stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from analysis_worker.engines.local.words import UNSPACED
from analysis_worker.privacy.kinds import INVISIBLE

_NOT_ALPHANUMERIC: Final = re.compile(r"[\W_]+")
#: Letters right beside which a name or a number may begin and end: those of scripts without spaces, and those
#: of Korean, where what says how a name is meant follows it at once.
JOINED: Final = rf"{UNSPACED}\u1100-\u11ff\uac00-\ud7a3"
#: As words are cut for comparison.
WORD: Final = re.compile(rf"[{JOINED}]|[^\W_{JOINED}]+")
_JOINED_LETTER: Final = re.compile(f"[{JOINED}]")
#: ASCII letters in lower case and digits; a space for each sign.
_PLAIN: Final = bytes(
    ord(char.lower()) if char.isascii() and char.isalnum() else 32 for char in map(chr, range(256))
)
#: Signs of print that are letters in no language, for a space each.
_SIGNS: Final = str.maketrans("‘’“”„–—…•·´«»", " " * 13)


def folded(text: str) -> str:
    """Return the words of a text, with one space between them."""
    if not text.isascii():
        text = text.translate(_SIGNS)
    if text.isascii():
        return b" ".join(text.encode().translate(_PLAIN).split()).decode()
    decomposed = unicodedata.normalize("NFKD", INVISIBLE.sub("", text)).casefold()
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return _NOT_ALPHANUMERIC.sub(" ", _JOINED_LETTER.sub(r" \g<0> ", plain)).strip()


@dataclass(frozen=True, slots=True)
class FoldedText:
    """A text folded letter by letter, which may be none or several; its words are those of `folded`."""

    letters: str = field(repr=False)
    #: Of each letter, where it stands in the text; None: where it stands here.
    places: Sequence[int] | None = field(repr=False)

    @classmethod
    def of(cls, text: str) -> FoldedText:
        """Fold a text."""
        if not text.isascii():
            text = text.translate(_SIGNS)
        if text.isascii():
            return cls(text.lower(), None)
        pieces = [_folded_letter(letter) for letter in text]
        return cls("".join(pieces), [place for place, piece in enumerate(pieces) for _ in piece])

    def words(self) -> list[str]:
        """Return the words."""
        return WORD.findall(self.letters)

    def spans(self) -> list[tuple[int, int]]:
        """Return where each word stands in the text (code points)."""
        spans = [match.span() for match in WORD.finditer(self.letters)]
        if self.places is None:
            return spans
        return [(self.places[start], self.places[end - 1] + 1) for start, end in spans]


@lru_cache(maxsize=4096)
def _folded_letter(letter: str) -> str:
    if INVISIBLE.match(letter):
        return ""
    decomposed = unicodedata.normalize("NFKD", letter).casefold()
    return "".join(piece for piece in decomposed if not unicodedata.combining(piece))
