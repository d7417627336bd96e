"""Finds the people of a conversation's roster wherever they are named: first layer, and the surest one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from analysis_worker.domain.conversation import Participant
from analysis_worker.engines.local.lexicon import STOP_WORDS
from analysis_worker.privacy.kinds import Kind, Span
from analysis_worker.privacy.name_lists import PARTICLES, TITLES
from analysis_worker.privacy.names import is_word
from analysis_worker.privacy.particles import is_called

_SHORTEST_PART: Final = 2
#: Particles that are said in small letters in names and in texts of many languages.
_JOINERS: Final = PARTICLES - {"ben", "bin", "ibn", "abu", "zu", "ter", "della"}
_PART: Final = re.compile(r"[\w’'`´-]+(?:\.[\w]+)*(?:@[\w.-]+\w)?")
_APOSTROPHES: Final = "['’`´]?"


class Roster:
    """The names of the participants: whole, in parts, with and without accents, in any case.

    A part that is also a word of the language ("Will", "May") counts only with a capital. A joining particle
    ("Al", "Van") counts in small letters where it is said as a name.
    """

    def __init__(self, participants: Sequence[Participant]) -> None:
        spellings: dict[str, str] = {}
        for participant in participants:
            for spelling in spellings_of(participant):
                spellings.setdefault(spelling, participant.participant_id)
        self._who = spellings
        self._with_capital = frozenset(
            spelling
            for spelling in spellings
            if spelling in STOP_WORDS or spelling in _JOINERS or is_word(spelling)
        )
        ordered = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
        self._form = (
            re.compile(rf"(?<![^\W_])(?:{'|'.join(map(_form, ordered))})(?![^\W_])", re.IGNORECASE)
            if ordered
            else None
        )

    def named_in(self, text: str) -> Iterator[Span]:
        """Yield where someone of the roster is named."""
        if self._form is None:
            return
        folded = text if text.isascii() else _fold_in_place(text)
        for match in self._form.finditer(folded):
            spelling = _key(match.group())
            if (
                spelling in self._with_capital
                and not text[match.start()].isupper()
                and not (spelling in _JOINERS and is_called(text, *match.span()))
            ):
                continue
            yield Span(match.start(), match.end(), Kind.PERSON, self._who.get(spelling, ""))


def spellings_of(participant: Participant) -> Iterator[str]:
    """Yield the ways in which a participant may be named, folded: whole, and by parts.

    Of an id such as "speaker-1" no part counts that is a word of the language.
    """
    yield from _spellings(participant.display_name)
    for spelling in _spellings(participant.participant_id):
        if spelling == _key(participant.participant_id) or not is_word(spelling):
            yield spelling


def _spellings(name: str) -> Iterator[str]:
    whole = _key(name)
    if len(whole) >= _SHORTEST_PART and not whole.isdigit():
        yield whole
    for part in _PART.findall(name):
        for piece in {part, *re.split(r"[-._@]", part)} if "@" not in part else {part}:
            key = _key(piece)
            if len(key) < _SHORTEST_PART or key.isdigit() or key in TITLES:
                continue
            if key in PARTICLES and piece.islower():
                continue
            yield key


def _key(text: str) -> str:
    return " ".join(re.sub(r"['’`´]", "", _fold_in_place(text)).lower().split())


def _form(spelling: str) -> str:
    """Return a pattern for a spelling that bears other white space and apostrophes within it."""
    return r"\s+".join(
        _APOSTROPHES.join(re.escape(letter) for letter in word) for word in spelling.split(" ")
    )


def fold(word: str) -> str:
    """Return a word without accents, in lower case."""
    return word.lower() if word.isascii() else _fold_in_place(word).lower()


def _fold_in_place(text: str) -> str:
    """Take accents off, letter by letter, so that places stay what they are."""
    return "".join(_folded(letter) for letter in text)


def _folded(letter: str) -> str:
    if letter.isascii():
        return letter
    base = unicodedata.normalize("NFKD", letter)[:1]
    return base if base.isalpha() else letter
