"""Cuts text into words and counts their syllables. Knows English spelling; holds no word list of its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

#: Scripts that put no spaces between words; each character counts as a word, as in Unicode UAX #29's default.
UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
_WORD: Final = re.compile(
    rf"[{UNSPACED}]"
    r"|\d+(?:[.,]\d+)*"
    rf"|(?:[^\W\d_{UNSPACED}][\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0903\u093a-\u094d]*)+"
    rf"(?:['’\-](?:[^\W\d_{UNSPACED}][\u0300-\u036f]*)+)*"
)

_ALONE: Final = re.compile(f"[{UNSPACED}]")

_VOWELS: Final = re.compile(r"[aeiouy]+")
#: A vowel group that two syllables share, as in "media", "museum", "poem", "dual", "science", "idea".
_HIATUS: Final = re.compile(
    r"[^tscgln]i(?:a|o|um)|^lion|eum|eo(?!u|ple)|oe[mt]|[^q]ua[lt]|ui[nt]|uel|[lr]uen|iet"
    r"|(?:sc|[^aeiouytc])ien|[aeiouy]ing|[aeiouy][^aeiouy]+ea(?:s?$)|creat|coop|[aeo]yer|[st]hm|ism$"
)
#: Vowels that are written and not spoken, as in "make", "walked", "phones", "lovely", "statement".
_SILENT: Final = re.compile(
    r"(?:[^aeiouyl]|[aeiouy]l)e$|[^aeiouytd]ed$|[^aeiouyscxzgl]es$|[aeiouy]les$|[^cs]hes$"
    r"|[aeiouy][^aeiouyl]+e(?:ment|ful|ly|less|ness|ty|work|fore|thing|times?|one|where|body)s?$"
)
#: Frequent words that are spoken shorter than they are written.
_SHORTENED: Final[Mapping[str, int]] = MappingProxyType(
    {
        "business": 2,
        "businesses": 3,
        "every": 2,
        "everybody": 4,
        "everyone": 3,
        "everything": 3,
        "someone": 2,
        "sometime": 2,
        "sometimes": 2,
        "therefore": 2,
    }
)

#: Shorter words are left as they are: "bus", "was", "his".
_SHORTEST_TO_STEM: Final = 4


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of `text` in lower case, with typographic apostrophes made plain.

    Interned, because a debate repeats itself: 100,000 words are some 6,000 distinct ones.
    """
    return tuple(sys.intern(word) for word in _WORD.findall(text.lower().replace("’", "'")))


def is_unspaced(word: str) -> bool:
    """Tell whether a word from `words_of` is a character of a script that does not separate words."""
    return len(word) == 1 and _ALONE.match(word) is not None


def is_number(word: str) -> bool:
    """Tell whether a word from `words_of` is written in digits."""
    return word[0].isdigit()


@lru_cache(maxsize=65_536)
def syllables_in(word: str) -> int:
    """Estimate the syllables of an English word; at least 1. A number counts one for each digit."""
    if is_number(word):
        return sum(letter.isdigit() for letter in word)
    if word in _SHORTENED:
        return _SHORTENED[word]
    count = 0
    for part in re.split(r"['\-]", word):
        spoken = len(_VOWELS.findall(part)) + len(_HIATUS.findall(part))
        count += spoken - 1 if spoken > 1 and _SILENT.search(part) else spoken
    if word.endswith(("dn't", "sn't")):
        count += 1
    return max(count, 1)


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Take the grammatical ending off an English word, so that "tax" meets "taxes", "taxed" and "taxing".

    The first step of Porter 1980 and its last, the silent e. The steps between, which join "general" and
    "generous", are left out.
    """
    word = word.removesuffix("'s").removesuffix("'")
    if len(word) < _SHORTEST_TO_STEM or not word.isascii():
        return word
    return _without_e(_without_past(_singular(word)))


def _singular(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith("ies") and len(word) > _SHORTEST_TO_STEM:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _without_past(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _VOWELS.search(word[:-3]) else word
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) > 2 and _VOWELS.search(rest):
            return rest[:-1] if rest[-1] == rest[-2] and rest[-1] not in "lsz" else rest
    return word


def _without_e(word: str) -> str:
    return word[:-1] if len(word) >= _SHORTEST_TO_STEM and word.endswith("e") else word
