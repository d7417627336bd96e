"""Finds the people of a conversation's roster wherever they are named: first layer, and the surest one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Final

from analysis_worker.domain.conversation import Participant
from analysis_worker.engines.local.lexicon import STOP_WORDS
from analysis_worker.privacy.folding import JOINED
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
        self._ordered = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
        # "ı" is a small letter of "I", and so passes for "i".
        small = (spelling.replace("ı", "i") for spelling in self._ordered)
        self._small = [spelling for spelling in small if spelling.isascii()]
        #: What is in a text that names one of these, in small letters and without apostrophes.
        self._beginnings = {spelling.split(" ")[0] for spelling in self._small}

    def named_in(self, text: str) -> Iterator[Span]:
        """Yield where someone of the roster is named."""
        for match in self._matches(text if text.isascii() else _fold_in_place(text)):
            spelling = _key(match.group())
            if (
                spelling in self._with_capital
                and not text[match.start()].isupper()
                and not (spelling in _JOINERS and is_called(text, *match.span()))
            ):
                continue
            yield Span(match.start(), match.end(), Kind.PERSON, self._who.get(spelling, ""))

    def _matches(self, folded: str) -> Iterator[re.Match[str]]:
        if not folded.isascii():
            return self._form.finditer(folded) if self._ordered else iter(())
        # Where no letter has two cases or none, small ones with one kind of apostrophe do: both far faster.
        lower = folded.lower().replace("`", "'")
        bare = lower.replace("'", "")
        if not any(beginning in bare for beginning in self._beginnings):
            return iter(())
        return self._small_form.finditer(lower)

    @cached_property
    def _form(self) -> re.Pattern[str]:
        return _any_of(self._ordered, _APOSTROPHES, re.IGNORECASE)

    @cached_property
    def _small_form(self) -> re.Pattern[str]:
        return _any_of(self._small, "'?")


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


def _any_of(spellings: Iterable[str], apostrophe: str, flags: int = 0) -> re.Pattern[str]:
    """Return a pattern for spellings that bears other white space and apostrophes within them."""
    forms = (
        r"\s+".join(apostrophe.join(map(re.escape, word)) for word in spelling.split(" "))
        for spelling in spellings
    )
    return re.compile(rf"(?<![^\W_{JOINED}])(?:{'|'.join(forms)})(?![^\W_{JOINED}])", flags)


def fold(word: str) -> str:
    """Return a word without accents, in lower case."""
    return word.lower() if word.isascii() else _fold_in_place(word).lower()


def _fold_in_place(text: str) -> str:
    """Take accents off, letter by letter, so that places stay what they are."""
    return "".join(_folded(letter) for letter in text)


def _folded(letter: str) -> str:
    if letter.isascii():
        return letter
    if "\uac00" <= letter <= "\ud7a3":  # a whole syllable: its first sign says too little
        return letter
    base = unicodedata.normalize("NFKD", letter)[:1]
    return base if base.isalpha() else letter
