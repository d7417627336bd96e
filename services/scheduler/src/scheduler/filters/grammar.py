"""Reading a filter: a descent through the grammar that scheduler.filters gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from common.store.jobs import Condition
from scheduler.filters.fields import LABELS, NAMES, field_of, label_of
from scheduler.filters.tokens import Token, tokens_of
from scheduler.filters.tree import Always, And, Node, Not, Or

#: Comparisons of one filter.
MAX_TERMS: Final = 20
#: Brackets within brackets.
_MAX_DEPTH: Final = 20
_HAS: Final = ":"
_EQUALITY: Final = frozenset({"=", "!=", _HAS})
_ANYTHING: Final = "*"


def parse(text: str) -> Node:
    """Read a filter; blank text is met by every job.

    Raises:
        InvalidFilter: Says at which character it stopped making sense, and what would.
    """
    return _Parser(tokens_of(text)).whole()


class _Parser:
    def __init__(self, tokens: Iterator[Token]) -> None:
        self._tokens = tokens
        #: The next token, which is not taken yet.
        self._next = next(tokens)
        self._terms = 0
        self._depth = 0

    def whole(self) -> Node:
        if self._next.kind == "end":
            return Always(True)
        node = self._conjunction()
        if self._next.kind != "end":
            raise self._next.error("expected AND, OR or the end")
        return node

    def _conjunction(self) -> Node:
        parts = [self._disjunction()]
        while self._next.is_word("AND"):
            self._take()
            parts.append(self._disjunction())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _disjunction(self) -> Node:
        parts = [self._term()]
        while self._next.is_word("OR"):
            self._take()
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _term(self) -> Node:
        if self._next.is_word("NOT"):
            self._take()
            return Not(self._simple())
        if self._next.kind == "word" and self._next.text.startswith("-"):
            sign = self._take()
            if sign.text != "-":  # the field follows at once
                self._push(Token("word", sign.text[1:], sign.position + 1))
            return Not(self._simple())
        return self._simple()

    def _simple(self) -> Node:
        if not self._next.is_bracket("("):
            return self._comparison()
        bracket = self._take()
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise bracket.error(f"brackets may stand in at most {_MAX_DEPTH} others")
        node = self._conjunction()
        if not self._next.is_bracket(")"):
            raise self._next.error('expected AND, OR or ")"')
        self._take()
        self._depth -= 1
        return node

    def _comparison(self) -> Node:
        name = self._take()
        if name.kind != "word":
            raise name.error(f"expected a field: {NAMES}")
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise name.error(f"a filter has at most {MAX_TERMS} comparisons")
        name = self._split_at_colon(name)
        if name.text == LABELS:
            return self._label_presence(name)
        field = field_of(name)
        operator = self._operator()
        if operator.text == _HAS and self._next.is_word(_ANYTHING):
            self._take()
            return Always(True) if field.always_set else Condition(field.stored, "has", "")
        if not field.ordered and operator.text not in _EQUALITY:
            raise operator.error(f"{name.text} can only be compared with =, != or :")
        value = self._take()
        if value.kind not in {"word", "quoted"}:
            raise value.error("expected a value; quote it if it holds spaces or signs")
        return Condition(field.stored, "=" if operator.text == _HAS else operator.text, field.read(value))

    def _label_presence(self, name: Token) -> Node:
        """Read `labels:KEY`, which is the same as `labels.KEY:*`."""
        operator = self._operator()
        if operator.text != _HAS:
            raise operator.error(
                "compare one label, such as labels.team = red, or ask for it with labels:team"
            )
        key = self._take()
        return Condition(label_of(key, key.text), "has", "")

    def _operator(self) -> Token:
        token = self._take()
        if token.kind == "word" and token.text.startswith(_HAS):
            if token.text != _HAS:  # the value follows at once
                self._push(Token("word", token.text[1:], token.position + 1))
            return Token("operator", _HAS, token.position)
        if token.kind != "operator":
            raise token.error("expected one of = != < <= > >= :")
        return token

    def _split_at_colon(self, word: Token) -> Token:
        """Return the part of a word before its first colon, and put back the rest. A name holds none."""
        name, colon, rest = word.text.partition(_HAS)
        if colon:
            self._push(Token("word", colon + rest, word.position + len(name)))
        return Token("word", name, word.position)

    def _take(self) -> Token:
        taken, self._next = self._next, next(self._tokens)
        return taken

    def _push(self, token: Token) -> None:
        """Put a token back before the next one."""
        self._tokens = _after(self._next, self._tokens)
        self._next = token


def _after(first: Token, rest: Iterator[Token]) -> Iterator[Token]:
    yield first
    yield from rest
