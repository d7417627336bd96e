"""Finds again what is known to be personal data, wherever else it stands: the last layer before the check.

What a name is taken for may hang on what stands around it, so that one and the same name is found in one turn
and missed in another. What was found once, or was sent as a placeholder before, is found by its spelling
alone, by the measure that `PlaceholderMap.assert_clean` has for what may leave.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from analysis_worker.privacy.folding import FoldedText, folded
from analysis_worker.privacy.kinds import Kind, Span
from analysis_worker.privacy.names import is_word

#: Shorter ones are too common to be looked for: "AB", "12".
SHORTEST_LOOKED_FOR: Final = 3
#: So many digits are looked for however they are grouped.
DIGITS_LOOKED_FOR: Final = 7
#: So many words are sought in a text one by one in less time than it takes to cut the text into words.
FEW: Final = 64
_DIGIT: Final = re.compile(r"\d")


class Known:
    """Spellings, and what each of them is."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        #: By the first word: all words, and what they are.
        self._words: defaultdict[str, list[tuple[list[str], Kind, str]]] = defaultdict(list)
        #: Digits without anything between them.
        self._digits: dict[str, Kind] = {}
        #: What is also a word of the language, as it is spelled.
        self._exact: dict[str, tuple[Kind, str]] = {}
        self._exact_form: re.Pattern[str] | None = None

    @property
    def count(self) -> int:
        """How many spellings are known."""
        return len(self._seen)

    def add(self, spelling: str, kind: Kind, participant_id: str = "") -> bool:
        """Know a spelling from now on. Returns whether it is a new one."""
        if spelling in self._seen:
            return False
        self._seen.add(spelling)
        key = folded(spelling)
        if len(key) < SHORTEST_LOOKED_FOR:
            return False
        if is_word(spelling):
            if spelling.islower():
                return False
            self._exact[spelling] = (kind, participant_id)
            self._exact_form = None
            return True
        words = key.split(" ")
        self._words[words[0]].append((words, kind, participant_id))
        digits = "".join(words)
        if len(digits) >= DIGITS_LOOKED_FOR and digits.isdigit():
            self._digits.setdefault(digits, kind)
        return True

    def found_in(self, text: str) -> Iterator[Span]:
        """Yield where something known stands; spans may meet."""
        if not self._seen:
            return
        whole = FoldedText.of(text)
        words = () if self._has_none_of(text, whole.letters) else whole.words()
        # Numbers first: one that goes on behind a name is known by its parts as well.
        if self._digits and _DIGIT.search(whole.letters):  # also within a word
            yield from self._numbers_in(words, whole.spans())
        if not self._words.keys().isdisjoint(words):
            yield from self._names_in(words, whole.spans())
        if self._exact and (len(self._exact) > FEW or any(spelling in text for spelling in self._exact)):
            if self._exact_form is None:
                longest_first = sorted(self._exact, key=lambda spelling: (-len(spelling), spelling))
                self._exact_form = re.compile(
                    rf"(?<![^\W_])(?:{'|'.join(map(re.escape, longest_first))})(?![^\W_])"
                )
            for match in self._exact_form.finditer(text):
                yield Span(*match.span(), *self._exact[match.group()])

    def _has_none_of(self, text: str, letters: str) -> bool:
        """Say of most texts that they hold no known name and no number."""
        return (
            text.isascii()
            and len(self._words) <= FEW
            and not any(word in letters for word in self._words)
            and not (self._digits and _DIGIT.search(letters))
        )

    def _names_in(self, words: Sequence[str], spans: Sequence[tuple[int, int]]) -> Iterator[Span]:
        after: dict[str, int] = {}  # of each spelling: where the last one ended, as two cannot share a word
        for at, word in enumerate(words):
            for wanted, kind, participant_id in self._words.get(word, ()):
                until = at + len(wanted)
                if words[at:until] == wanted and after.get(spelling := " ".join(wanted), 0) <= at:
                    after[spelling] = until
                    yield Span(spans[at][0], spans[until - 1][1], kind, participant_id)

    def _numbers_in(self, words: Sequence[str], spans: Sequence[tuple[int, int]]) -> Iterator[Span]:
        joined = "".join(words)
        places = [span for word, span in zip(words, spans, strict=True) for _ in word]
        found = []
        for digits, kind in self._digits.items():
            at = joined.find(digits)
            while at >= 0:
                found.append((at, -len(digits), kind))
                at = joined.find(digits, at + 1)
        # In an order that does not hang on which number was known first.
        for at, length, kind in sorted(found):
            yield Span(places[at][0], places[at - length - 1][1], kind)
