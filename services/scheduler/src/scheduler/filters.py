"""The filter of ListJobs: a subset of the AIP-160 grammar, to conditions on records.

filter     = [ comparison { "AND" comparison } ]
comparison = field operator value
field      = state | type | queue | priority | conversation_id | actor | create_time | labels.KEY
operator   = "=" | "!=" | "<" | "<=" | ">" | ">="        order only for create_time
value      = bare word | "quoted" | 'quoted'             a backslash takes the next character as it is
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from common.errors import InvalidFilter
from common.job.priority import Priority
from common.job.states import JobState
from common.job.types import GENERIC, JOB_TYPES
from common.store.jobs import Condition
from common.store.record import LABEL

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<operator>!=|<=|>=|=|<|>)
          |(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
          |(?P<word>[^\s=!<>"'()]+))""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_LABEL_PREFIX: Final = "labels."
_LABEL_KEY: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_QUEUE: Final = "queue"
_TYPE: Final = "type"
_EQUALITY: Final = frozenset({"=", "!="})
_FIELDS: Final = "state, type, queue, priority, conversation_id, actor, create_time or labels.KEY"


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is limited to."""

    #: Of a record.
    conditions: tuple[Condition, ...] = ()
    #: Of its queue, which no record names: "=" or "!=", and a name.
    queues: tuple[tuple[str, str], ...] = ()

    def allows(self, queue: str) -> bool:
        """Whether a queue can hold a match."""
        return all((queue == name) is (operator == "=") for operator, name in self.queues)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    #: Place of its first character in the filter, from 1.
    position: int


def parse_filter(text: str) -> Filter:
    """Read a filter; blank text limits nothing.

    Raises:
        InvalidFilter: Says at which character it stopped making sense, and what would.
    """
    tokens = _tokens(text)
    conditions: list[Condition] = []
    queues: list[tuple[str, str]] = []
    token = next(tokens)
    while token.kind != "end":
        condition = _comparison(token, next(tokens), next(tokens))
        if condition.field == _QUEUE:
            queues.append((condition.operator, condition.value))
        else:
            conditions.append(condition)
        if condition.field == _TYPE and condition.operator == "=" and condition.value in JOB_TYPES:
            queues.append(("=", JOB_TYPES[condition.value].queue))  # a typed job has no other
        token = next(tokens)
        if token.kind == "end":
            break
        if token.kind != "word" or token.text != "AND":
            raise _error(token, 'expected AND or the end; OR, NOT and "( )" are not supported')
        token = next(tokens)
        if token.kind == "end":
            raise _error(token, f"expected a field after AND: {_FIELDS}")
    return Filter(tuple(conditions), tuple(queues))


def _tokens(text: str) -> Iterator[_Token]:
    """Yield the tokens of `text`, then "end" for as long as one is asked for."""
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            character = text[start]
            advice = "a quote is not closed" if character in "\"'" else "this character cannot stand here"
            raise _error(_Token("bad", "", start + 1), advice)
        kind = match.lastgroup or ""
        token = match.group(kind)
        position = match.start(kind) + 1
        at = match.end()
        yield _Token(kind, _ESCAPED.sub(r"\1", token[1:-1]) if kind == "quoted" else token, position)
    while True:
        yield _Token("end", "", len(text) + 1)


def _comparison(name: _Token, operator: _Token, value: _Token) -> Condition:
    if name.kind != "word":
        raise _error(name, f"expected a field: {_FIELDS}")
    field, read, ordered = _field(name)
    if operator.kind != "operator":
        raise _error(operator, "expected one of = != < <= > >=")
    if not ordered and operator.text not in _EQUALITY:
        raise _error(operator, f"{name.text} can only be compared with = or !=")
    if value.kind not in {"word", "quoted"}:
        raise _error(value, "expected a value; quote it if it holds spaces or signs")
    return Condition(field, operator.text, read(value))


_Reader = Callable[[_Token], str]


def _field(name: _Token) -> tuple[str, _Reader, bool]:
    """Return the record's field, how a value is read, and whether it has an order."""
    if name.text.startswith(_LABEL_PREFIX):
        key = name.text.removeprefix(_LABEL_PREFIX)
        if not _LABEL_KEY.fullmatch(key):
            raise _error(name, 'a label key is lower-case letters, digits, "_" and "-"')
        return LABEL + key, _text, False
    known = _READERS.get(name.text)
    if known is None:
        raise _error(name, f"unknown field: use {_FIELDS}")
    return known


def _text(value: _Token) -> str:
    return value.text


def _one_of(names: tuple[str, ...], stored: Mapping[str, str]) -> _Reader:
    def read(value: _Token) -> str:
        if value.text not in names:
            raise _error(value, f"must be one of {', '.join(names)}")
        return stored.get(value.text, value.text)

    return read


def _instant(value: _Token) -> str:
    try:
        instant = datetime.fromisoformat(value.text)
    except ValueError:
        raise _error(value, "must be a time such as 2026-01-31T12:00:00Z (RFC 3339)") from None
    if instant.tzinfo is None:
        raise _error(value, "must name its time zone, such as 2026-01-31T12:00:00Z")
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return str((since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000)


#: Field of the filter: field of the record, how a value is read, whether it has an order.
_READERS: Final[Mapping[str, tuple[str, _Reader, bool]]] = {
    "state": ("state", _one_of(tuple(state.value for state in JobState), {}), False),
    # A record leaves the type out when it is GENERIC.
    _TYPE: (_TYPE, _one_of((GENERIC, *JOB_TYPES), {GENERIC: ""}), False),
    _QUEUE: (_QUEUE, _text, False),
    "priority": ("priority", _one_of(tuple(priority.value for priority in Priority), {}), False),
    "conversation_id": ("conversation", _text, False),
    "actor": ("actor", _text, False),
    "create_time": ("created", _instant, True),
}


def _error(token: _Token, advice: str) -> InvalidFilter:
    return InvalidFilter("filter", f"at character {token.position}: {advice}")
