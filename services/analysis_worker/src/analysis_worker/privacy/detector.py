"""The detector: the roster first, then what has the form of personal data, then other names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from analysis_worker.domain.conversation import Participant
from analysis_worker.privacy.folding import WORD
from analysis_worker.privacy.kinds import INVISIBLE, Kind, Span, apart
from analysis_worker.privacy.known import FEW
from analysis_worker.privacy.names import NameMode, Names, is_word
from analysis_worker.privacy.other_languages import words_of_languages
from analysis_worker.privacy.patterns import by_form
from analysis_worker.privacy.roster import Roster, fold

_WHOLE: Final = frozenset({Kind.EMAIL, Kind.URL, Kind.HANDLE, Kind.SECRET, Kind.ACCOUNT})
#: Shorter parts of names are let go.
_SHORTEST: Final = 2


class Detector:
    """Finds personal data in the texts of one conversation.

    About nine names in ten of those who stand in no roster are found in strict mode, and about four in
    balanced mode; never all. What must not leave the process at all needs another means than this. A name
    that was found once is found wherever it stands.

    Args:
        texts: All texts of the conversation: what one of them shows of a name helps with the others.
        only: The one text that will be looked through; None: any. Of the others those are looked at that may
            name somebody who stands in it.
    """

    def __init__(
        self,
        texts: Sequence[str] = (),
        participants: Sequence[Participant] = (),
        *,
        mode: NameMode = NameMode.STRICT,
        only: str | None = None,
    ) -> None:
        visible = [_visible(text)[0] for text in texts]
        self._roster = Roster(participants)
        spoken = words_without_capital(visible)
        self._names = Names(mode, spoken | words_of_languages(visible, spoken))
        #: What each text shows by itself; it is wanted twice.
        looked = visible if only is None else _that_may_name(visible, _visible(only)[0])
        self._first = {text: self._look(text) for text in looked}
        self._apart = {text: apart(text, spans) for text, spans in self._first.items()}
        self._met = Met(
            {
                text[span.start : span.end]
                for text, spans in self._apart.items()
                for span in spans
                if span.kind is Kind.PERSON and not span.participant_id
            }
        )

    def find(self, text: str) -> list[Span]:
        """Return what was found, in order and without overlap. Never raises for what stands in a text.

        Letters that cannot be seen are passed over: they must not hide a name.
        """
        visible, places = _visible(text)
        first = self._first.get(visible)
        spans = self._look(visible) if first is None else first
        met = [*self._met.found_in(visible)]
        found = self._apart[visible] if first is not None and not met else apart(visible, [*spans, *met])
        if places is None:
            return found
        return [replace(span, start=places[span.start], end=places[span.end - 1] + 1) for span in found]

    def _look(self, text: str) -> list[Span]:
        forms = list(by_form(text))
        # An address or a secret that holds a participant's name is one thing, and not a name and a rest.
        whole = [span for span in forms if span.kind in _WHOLE]
        rest = [span for span in forms if span.kind not in _WHOLE]
        return [*whole, *self._roster.named_in(text), *rest, *self._names.found_in(text)]


def _visible(text: str) -> tuple[str, list[int] | None]:
    """Return a text without invisible letters, and the place of each letter that is left; None if all are."""
    if INVISIBLE.search(text) is None:
        return text, None
    places = [place for place, letter in enumerate(text) if INVISIBLE.match(letter) is None]
    return "".join(text[place] for place in places), places


class Met:
    """Names that were found somewhere, wherever they stand: whole, and each part that is no other word."""

    def __init__(self, names: Iterable[str]) -> None:
        #: By the first word, folded: the words to look for, and the spelling if its case counts.
        self._by_first: defaultdict[str, list[tuple[list[str], str]]] = defaultdict(list)
        # A part that is also a word of the language would hide that word: only the whole name counts then.
        parts = set(names) | {part for name in names for part in name.split() if not is_word(part)}
        for part in sorted(parts, key=_longest_first):
            words = [fold(word) for word in WORD.findall(part)]
            if words and len(part) > _SHORTEST and part[0].isupper():
                self._by_first[words[0]].append((words, part if is_word(part) else ""))

    def found_in(self, text: str) -> Iterator[Span]:
        """Yield where one of them stands, the longest at each place; hyphens and full stops do not matter."""
        if not self._by_first:
            return
        if text.isascii() and len(self._by_first) <= FEW:
            yield from self._found_in_ascii(text, text.lower())
            return
        said = [fold(word) for word in WORD.findall(text)]
        if self._by_first.keys().isdisjoint(said):
            return
        places = [match.span() for match in WORD.finditer(text)]
        for at, word in enumerate(said):
            if word not in self._by_first:
                continue
            for words, exact in self._by_first[word]:
                until = at + len(words)
                if said[at:until] != words:
                    continue
                start, end = places[at][0], places[until - 1][1]
                if _is_close(words, start, end) and exact in ("", text[start:end]):
                    yield Span(start, end, Kind.PERSON)
                    break

    def _found_in_ascii(self, text: str, lower: str) -> Iterator[Span]:
        """Do as `found_in`, without cutting the text into words: most have none of few names."""
        found: dict[int, int] = {}
        for first, names in self._by_first.items():
            # What is also a word of the language stands in most texts, and as it is spelled in few.
            for begin in {exact or first: None for _, exact in names}:
                whole = text if begin is not first else lower
                at = whole.find(begin)
                while at >= 0:
                    if at not in found and (end := _end_of_name(names, text, lower, at)):
                        found[at] = end
                    at = whole.find(begin, at + 1)
        for start, end in sorted(found.items()):
            yield Span(start, end, Kind.PERSON)


def _end_of_name(names: Iterable[tuple[list[str], str]], text: str, lower: str, start: int) -> int:
    """Return where the first of some names ends that stands at a place of an ASCII text; 0 if none does."""
    if start and lower[start - 1].isalnum():
        return 0
    for words, exact in names:
        said = islice(WORD.finditer(lower, start), len(words))
        matches = [match for match, word in zip(said, words, strict=False) if match.group() == word]
        if len(matches) < len(words) or matches[0].start() != start:
            continue
        end = matches[-1].end()
        if _is_close(words, start, end) and exact in ("", text[start:end]):
            return end
    return 0


def _is_close(words: Sequence[str], start: int, end: int) -> bool:
    """Say whether no more than signs is between words at a place."""
    return end - start <= sum(map(len, words)) + 3 * len(words)


def _that_may_name(texts: Iterable[str], said: str) -> list[str]:
    """Return the texts in which a name may begin that Met would find in another one: with a capital there."""
    words = {fold(word) for word in WORD.findall(said)}
    return [text for text in texts if text == said or _begins_one(text, words)]


def _begins_one(text: str, words: Collection[str]) -> bool:
    folded = fold(text)
    if len(folded) != len(text):  # a letter that is two in lower case: places are not to be told
        return True
    for word in words:
        at = folded.find(word)
        while at >= 0:
            if text[at].isupper():
                return True
            at = folded.find(word, at + 1)
    return False


def _longest_first(text: str) -> tuple[int, str]:
    return -len(text), text


_SAID: Final = re.compile(r"[^\W_]+")
_LOWER: Final = re.compile(r"[^\W\d_A-Z]{2,}")


def words_without_capital(texts: Iterable[str]) -> frozenset[str]:
    """Return the words that texts have without a capital."""
    said: set[str] = set()
    for text in texts:
        said.update(_SAID.findall(text))
    return frozenset(match.group() for word in said if (match := _LOWER.match(word)))
