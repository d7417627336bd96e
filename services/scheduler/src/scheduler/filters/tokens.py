"""The words and signs of a filter, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from common.errors import InvalidFilter

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<operator>!=|<=|>=|=|<|>)
          |(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
          |(?P<bracket>[()])
          |(?P<word>[^\s=!<>"'()]+))""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """One of operator, quoted, bracket, word; or "end", which follows the last for ever."""

    kind: str
    text: str
    #: Place of its first character in the filter, from 1.
    position: int

    def is_word(self, text: str) -> bool:
        return self.kind == "word" and self.text == text

    def is_bracket(self, text: str) -> bool:
        return self.kind == "bracket" and self.text == text

    def error(self, advice: str) -> InvalidFilter:
        """Return the error that the filter stopped making sense here."""
        return InvalidFilter("filter", f"at character {self.position}: {advice}")


def tokens_of(text: str) -> Iterator[Token]:
    """Yield the tokens of `text`, then "end" for as long as one is asked for.

    Raises:
        InvalidFilter: A quote is not closed, or a character can stand nowhere.
    """
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            advice = "a quote is not closed" if text[start] in "\"'" else "this character cannot stand here"
            raise Token("bad", "", start + 1).error(advice)
        kind = match.lastgroup or ""
        token = match.group(kind)
        position = match.start(kind) + 1
        at = match.end()
        yield Token(kind, _ESCAPED.sub(r"\1", token[1:-1]) if kind == "quoted" else token, position)
    while True:
        yield Token("end", "", len(text) + 1)
