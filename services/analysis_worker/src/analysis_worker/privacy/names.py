"""Finds the names of people who stand in no roster, from capitals, titles and introductions.

Balanced mode takes names that something speaks for: a title, an introduction, a known first name. Strict
mode takes every word with a capital that nothing speaks against, so it finds nearly nine names in ten, and
hides some places. Written without capitals, a name is found only behind an introduction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, Final

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from analysis_worker.engines.local.lexicon import STOP_WORDS
from analysis_worker.privacy.folding import JOINED
from analysis_worker.privacy.kinds import Kind, Span
from analysis_worker.privacy.name_lists import COMMON, FIRST_NAMES, PARTICLES, PLACES_AND_THINGS, TITLES
from analysis_worker.privacy.other_languages import is_german_article

#: Letters of scripts without capitals show no names, and end words of others.
_LETTERS: Final = rf"[^\W\d_{JOINED}]+"
_TOKEN: Final = re.compile(rf"{_LETTERS}(?:['’`´-]{_LETTERS})*")
_INTRODUCTION: Final = re.compile(
    r"\b(?:my|his|her|their|your|the|whose|whole|full) (?:first |last |full |real |sur|maiden )?name(?:'s| is| was)"
    r"|\bi(?:'m|’m| am)(?: called| named)?|\bcall(?:ed)? (?:me|him|her)|\bthis is|\bnamed|\bsigned,?|\bdear|\bhello,?|\bhi,?",
    re.IGNORECASE,
)
_POSSESSIVE: Final = re.compile(r"['’`´](?:s|S)?$")
_ARTICLES: Final = frozenset({"the", "a", "an"})
#: Words of a name at most; more capitals in a row are a heading.
_LONGEST: Final = 5


class NameMode(StrEnum):
    """How readily a word is taken for a name."""

    BALANCED = "balanced"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    start: int
    end: int
    #: In lower case, without a possessive ending.
    word: str = field(repr=False)
    capital: bool
    #: It begins a sentence or a line, where any word has a capital.
    opens: bool


class Names:
    """Finds the names in the texts of one conversation.

    Args:
        spoken: Words that the conversation also has without a capital, in lower case: no names.
    """

    def __init__(self, mode: NameMode, spoken: frozenset[str] = frozenset()) -> None:
        self._mode = mode
        self._spoken = spoken
        #: Of words with a capital: whether one that stands alone is no name, wherever it stands.
        self._no_name: dict[str, bool] = {}

    def found_in(self, text: str) -> Iterator[Span]:
        """Yield the names in a text, in order."""
        tokens = _Tokens(text)
        introduced = _Introduced(text)
        after = 0
        for at in tokens.capitals:
            if at < after or self._is_lone_word(tokens.said, at):
                continue
            run = _up_to_next_title(tokens, at, _run(text, tokens, at))
            kept = _name(tokens, at, at + run - 1, text, self._mode, self._spoken, introduced)
            if kept is not None:
                yield Span(tokens[kept[0]].start, _end_of(tokens[kept[1]], text), Kind.PERSON)
            after = at + run

    def _is_lone_word(self, said: Sequence[str], at: int) -> bool:
        """Say of most words that are no names that they are none, such as the first ones of sentences."""
        word = said[at]
        no_name = self._no_name.get(word)
        if no_name is None:
            no_name = self._no_name[word] = _is_never_a_name(word, self._spoken)
        if not no_name:
            return False
        if at + 1 < len(said):
            following = said[at + 1]
            if not following.islower() or not following.isalpha() or following in PARTICLES:
                return False
        if at:
            before = said[at - 1]
            if not before.isalpha() or before.lower() in TITLES:
                return False
        return True


class _Introduced:
    """Where introductions end in a text; looked for when they are asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: frozenset[int] | None = None

    def shortly_before(self, start: int) -> bool:
        if self._ends is None:
            self._ends = frozenset(match.end() for match in _INTRODUCTION.finditer(self._text))
        return start - 1 in self._ends or start - 2 in self._ends


class _Tokens(Sequence[_Token]):
    """The words of a text. One is looked at closely only when it is asked for: most have no capital."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._matches: list[re.Match[str]] = []
        self._known: dict[int, _Token] = {}
        #: As they stand there.
        self.said = _TOKEN.findall(text)
        #: Which of them begin with a capital.
        self.capitals = [at for at, word in enumerate(self.said) if word[0].isupper()]

    def __len__(self) -> int:
        return len(self.said)

    def __getitem__(self, at: Any) -> Any:
        if at.__class__ is slice:
            return [self[place] for place in range(*at.indices(len(self)))]
        found = self._known.get(at)
        if found is None:
            if not self._matches:
                self._matches = list(_TOKEN.finditer(self._text))
            found = self._known[at] = _token(self._text, self._matches[at])
        return found


def _token(text: str, match: re.Match[str]) -> _Token:
    start, end = match.span()
    said = match.group()
    # Most words stand behind another word of their line.
    inside = start > 2 and text[start - 1] == " " and text[start - 2].isalnum() and text[start - 3] != "\n"
    word = (said if said.isalpha() else _POSSESSIVE.sub("", said)).lower()
    return _Token(said, start, end, word, said[0].isupper(), not inside and _opens(text, start))


def _opens(text: str, start: int) -> bool:
    """Say whether a sentence or a line begins at a place."""
    before = text[max(0, start - 3) : start]
    return not before.strip(" \"'“‘(-–—[") or before.rstrip(" \"'“‘([")[-1:] in ".!?:\n…" or "\n" in before


def _run(text: str, tokens: Sequence[_Token], at: int) -> int:
    """Return how many tokens from `at` on, which has a capital, stand together like a name."""
    count = 1
    while at + count < len(tokens) and count < 2 * _LONGEST:
        token, previous = tokens[at + count], tokens[at + count - 1]
        gap = text[previous.end : token.start]
        if not (gap in (" ", "-") or (gap == ". " and (len(previous.text) <= 3 or previous.word in TITLES))):
            break
        if token.capital:
            count += 1
            continue
        following = at + count
        while following < len(tokens) and tokens[following].word in PARTICLES:
            following += 1
        if following == at + count or following >= len(tokens) or not tokens[following].capital:
            break
        if text[tokens[following - 1].end : tokens[following].start] not in (" ", "-", "'", "’"):
            break
        count = following - at + 1
    return count


def _up_to_next_title(tokens: Sequence[_Token], at: int, count: int) -> int:
    """Return how many of the tokens of a run come before a title that follows a word: "But" of "But Mr. Hill"."""
    behind = at
    while behind < at + count and tokens[behind].word in TITLES:
        behind += 1
    titles = (place for place in range(behind, at + count) if tokens[place].word in TITLES)
    return next(titles, at + count) - at


def _name(
    tokens: Sequence[_Token],
    first: int,
    last: int,
    text: str,
    mode: NameMode,
    spoken: frozenset[str],
    introduced: _Introduced,
) -> tuple[int, int] | None:
    """Return the first and last token of the name in a run of capitals; None if it holds none."""
    before = tokens[first - 1] if first else None
    titled = before is not None and before.word in TITLES
    while first <= last and tokens[first].word in TITLES:
        titled = True
        first += 1
    # What follows a title is a name, whatever else the word means, but for places and parties.
    while first <= last and (
        tokens[first].word in PLACES_AND_THINGS
        if titled
        else _is_no_name(tokens[first], spoken, lone=_is_one(tokens[first : last + 1], spoken))
    ):
        first += 1
    while last > first - (not titled) and _is_no_name(tokens[last], spoken, lone=first == last):
        last -= 1
    if first > last:
        return None
    words = [token for token in tokens[first : last + 1] if token.capital]
    if len(words) > _LONGEST or any(token.word in PLACES_AND_THINGS for token in words[1:-1]):
        return None
    known = any(token.word in FIRST_NAMES for token in words)
    if known or titled:
        return first, last
    start = tokens[first].start
    if text[max(0, start - 1) : start].isspace() and introduced.shortly_before(start):
        return first, last
    if mode is NameMode.BALANCED:
        return None
    if len(words) == 1 and (words[0].text.isupper() or len(words[0].text) < 3):
        return None  # an abbreviation, or too short to tell
    if all(token.text.isupper() and len(token.text) > 1 for token in words):
        return None  # shouted, or a heading
    if all(_is_common(token.word) for token in words) or any(token.word in STOP_WORDS for token in words[1:]):
        return None  # a title or a heading
    if tokens[first - 1 if first else 0].word in _ARTICLES and first:
        return None  # people have no article
    if len(words) == 1 and words[0].opens and text[words[0].end : words[0].end + 1] == ":":
        return None  # the label of a form
    return first, last


def _is_one(run: Sequence[_Token], spoken: frozenset[str]) -> bool:
    return len(run) == 1 or is_german_article([token.word for token in run], spoken)


def _is_no_name(token: _Token, spoken: frozenset[str], *, lone: bool) -> bool:
    word = token.word
    if word in FIRST_NAMES and not (token.opens and word in STOP_WORDS):
        return False
    if not token.capital:
        return True
    if word in PLACES_AND_THINGS or "'" in token.text.rstrip("'sS") or token.word in PARTICLES:
        return word in PLACES_AND_THINGS or (token.opens and lone)
    return (token.opens or lone) and (word in spoken or _is_common(word))


def _is_never_a_name(said: str, spoken: frozenset[str]) -> bool:
    """Say whether `_is_no_name` holds of a word with a capital that stands alone, wherever that is."""
    word = (said if said.isalpha() else _POSSESSIVE.sub("", said)).lower()
    if word in FIRST_NAMES or word in TITLES:
        return False
    if word in PLACES_AND_THINGS:
        return True
    if "'" in said.rstrip("'sS") or word in PARTICLES:
        return False
    return word in spoken or _is_common(word)


def is_word(text: str) -> bool:
    """Say whether each part of a name is also a word of the language, or a place: "May", "White", "Jordan"."""
    words = [token.group().lower() for token in _TOKEN.finditer(text)]
    return bool(words) and all(
        word in PLACES_AND_THINGS or word in TITLES or _is_common(word) for word in words
    )


def _is_common(word: str) -> bool:
    """Say whether a word is one of the language; the lexicon of VADER has some 7,000 of them."""
    if "-" in word:
        parts = word.split("-")
        return all(part in PARTICLES or len(part) == 1 or _is_common(part) for part in parts)
    return word in STOP_WORDS or word in COMMON or word in _feelings() or _inflected(word)


def _inflected(word: str) -> bool:
    for ending in ("s", "es", "ed", "d", "ing", "ly", "er", "ers"):
        stem = word.removesuffix(ending)
        if stem == word or len(stem) <= 2:
            continue
        # "Roses" has the e of "rose" before its s, "Ross" has none.
        if stem in COMMON or stem in STOP_WORDS or (ending != "s" and stem + "e" in COMMON):
            return True
    return False


@cache
def _feelings() -> frozenset[str]:
    return frozenset(SentimentIntensityAnalyzer().lexicon)


def _end_of(token: _Token, text: str) -> int:
    """Return where the name ends: before a possessive ending."""
    ending = _POSSESSIVE.search(token.text)
    return token.start + ending.start() if ending else token.end
