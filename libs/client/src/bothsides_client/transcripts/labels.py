"""Find the "Name: text" at the beginning of a line, and tell it from a sentence with a colon.

A label is short, free of sentence punctuation, and reads like a name: every word begins with a capital
(or with a letter that knows no case), but for particles such as "van". If the file's own first label
is in small letters, then any label of one word will do: chat logs are written so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LABEL: Final = re.compile(
    r"(?:>>\s*|[-–—•]\s+)?"  # captions mark a new speaker so
    r"(?P<bold>\*\*)?(?P<name>[^\W\d_][^:*\n]{0,79}?)\s*(?P<time>\[[\d:.,]+\]|\([\d:.,]+\))?"
    r"(?(bold)(?::\*\*|\*\*\s*:)|:)(?!//)\s*(?P<text>.*)",
    re.DOTALL,
)
_MAX_WORDS: Final = 7
#: Written in small letters within a name.
_PARTICLE: Final = re.compile(
    "al|and|bin|da|das|de|del|der|di|dos|du|el|for|from|in|la|le|member|of|on|question|speaker|the|van|von|y|zu"
)
#: Capitalised at the beginning of a sentence, and often followed by a colon, but nobody's name.
_NO_NAME: Final = re.compile(
    "also|and|because|but|conclusion|example|finally|first|fourth|however|lastly|no|note|or|point"
    "|remember|second|so|therefore|third|thus|well|yes",
    re.IGNORECASE,
)
_SENTENCE_MARKS: Final = frozenset(',;!?"“”')


@dataclass(frozen=True, slots=True)
class Labelled:
    """A line that begins with a speaker's name."""

    name: str
    text: str
    #: A time written behind the name, such as "00:12", or "".
    time: str


class LabelReader:
    """Reads the labels of one file, and remembers how the file writes them."""

    def __init__(self) -> None:
        self._small_letters: bool | None = None

    def read(self, line: str) -> Labelled | None:
        """Return the label and the words behind it, or None if the line only continues a speech."""
        match = _LABEL.fullmatch(line)
        if match is None:
            return None
        name = match["name"].strip()
        words = name.split()
        if not words or len(words) > _MAX_WORDS or _SENTENCE_MARKS & set(name):
            return None
        if _NO_NAME.fullmatch(name):
            return None
        capitalised = all(_begins_like_a_name(word) for word in words) and not _PARTICLE.fullmatch(words[0])
        if self._small_letters is None:
            self._small_letters = not capitalised
        if not capitalised and not (self._small_letters and len(words) == 1):
            return None
        return Labelled(name, match["text"].strip(), (match["time"] or "").strip("[]()"))


def _begins_like_a_name(word: str) -> bool:
    """Whether the word may stand in a name: "Anna", "(for)", "2", "李", "van", "Dr."; not "thing"."""
    bare = word.strip("()[].'’-&/#")
    return not bare or _PARTICLE.fullmatch(bare) is not None or not bare[0].islower() or word[0] in "(["
